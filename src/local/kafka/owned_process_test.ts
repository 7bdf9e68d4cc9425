import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { startOwned } from "./owned_process.ts";
import { runScript } from "./shell.ts";
import { until } from "../../runtime/until.ts";
import { groupSize, isAlive } from "../testing/processes.ts";

async function withDirectory(test: (cwd: string, logFile: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await test(directory, join(directory, "log"));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("startOwned: output goes to the log, the exit code to `exited`, and no watcher stays", () =>
  withDirectory(async (cwd, logFile) => {
    const command = ["sh", "-c", "pwd; echo err >&2; exit 7"];
    const exits: number[] = [];
    const onExit = ({ code }: Deno.CommandStatus) => Promise.resolve(void exits.push(code));
    const child = startOwned({ command, cwd, logFile, onExit });
    assertEquals((await child.exited).code, 7);
    assertEquals(exits, [7]);
    assertEquals(child.running, false);
    child.signal("SIGTERM");
    assertEquals(await Deno.readTextFile(logFile), `${await Deno.realPath(cwd)}\nerr\n`);
    await until("the watcher ends", async () => await groupSize(child.pid) === 0);
  }));

Deno.test("startOwned: `pid` is the command's own process", () =>
  withDirectory(async (cwd, logFile) => {
    const child = startOwned({ command: ["sh", "-c", "echo $$; exec sleep 600"], cwd, logFile });
    await until("it says its id", async () => {
      return (await Deno.readTextFile(logFile).catch(() => "")).endsWith("\n");
    });
    assertEquals(Number(await Deno.readTextFile(logFile)), child.pid);
    child.signal("SIGKILL");
    assertEquals((await child.exited).signal, "SIGKILL");
  }));

Deno.test("startOwned: a Ctrl-C in the owner's terminal passes by; the owner's kill -9 does not", () =>
  withDirectory(async (cwd) => {
    const owner = join(cwd, "owner.ts");
    await Deno.writeTextFile(
      owner,
      `import { startOwned } from ${JSON.stringify(import.meta.resolve("./owned_process.ts"))};
         const { pid, exited } = startOwned({ command: ["sleep", "600"], cwd: ".", logFile: "log" });
         Deno.addSignalListener("SIGINT", () => console.log("interrupted"));
         console.log(pid);
         await exited;`,
    );
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-lock", "--allow-run=sh", owner],
      cwd,
      stdout: "piped",
      stderr: "null",
      detached: true,
    }).spawn();
    const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const pid = Number((await reader.read()).value);
    try {
      // What a terminal does: the signal goes to the whole foreground group.
      const { code, stderr } = await runScript('kill -s INT -- "-$1"', [String(process.pid)]);
      assertEquals(code, 0, stderr);
      assertEquals((await reader.read()).value, "interrupted\n");
      assert(await isAlive(pid));
    } finally {
      process.kill("SIGKILL");
      await process.status;
      await reader.cancel();
    }
    await until("the command ends", async () => !await isAlive(pid));
    await until("the watcher ends", async () => await groupSize(pid) === 0);
  }));
