// The real world: arguments, environment, exit code. Wires the command line to the process, and gets out of the way.

import { run } from './cli/run.ts'
import { setCollector } from './collector.ts'

setCollector()
const code = await run(process.argv.slice(2), process.env)
// What was printed into a pipe is not out yet.
process.stdout.write('', () => process.exit(code))
