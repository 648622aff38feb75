// The real world: arguments, environment, exit code. Wires the command line to the process, and gets out of the way.

import { run } from './cli/run.ts'

process.exit(await run(process.argv.slice(2), process.env))
