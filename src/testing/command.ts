/** Runs a program of the machine, and takes what it says. */
export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function run(command: readonly string[], stdin = ""): Promise<Output> {
  const child = new Deno.Command(command[0]!, {
    args: command.slice(1),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  // Who does not read its standard input may be gone already.
  await writer.write(new TextEncoder().encode(stdin)).then(() => writer.close()).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}
