// How an example is a command: --help, what is wrong with a call, and an exit code for what became of it.

/** `read` gives undefined for --help, and throws a sentence about a call that is wrong. `run` gives the exit code. */
export async function command<Options>(
  help: string,
  read: (args: readonly string[]) => Options | undefined,
  run: (options: Options) => Promise<number>,
): Promise<number> {
  let options: Options | undefined
  try {
    options = read(process.argv.slice(2))
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${help}`)
    return 2
  }
  if (options === undefined) {
    console.log(help)
    return 0
  }
  try {
    return await run(options)
  } catch (error) {
    console.error((error as Error).message)
    return 1
  }
}
