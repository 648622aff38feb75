import { fileURLToPath } from 'node:url'

export default {
  files: ['test/**/*.test.ts'],
  extensions: ['ts'],
  timeout: '120s',
  // Each file is a thread of its own, and many start processes: all read the same sources.
  environmentVariables: { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/test', import.meta.url)) },
}
