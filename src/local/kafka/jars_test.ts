import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { Failure } from "../../runtime/errors.ts";
import { findJava, KAFKA_VERSION, kafkaClasspath, MissingTool } from "./jars.ts";

/** Runs `test` with an empty directory, removed afterwards. */
async function withDirectory(test: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await test(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** An executable shell script in place of a program. */
async function writeProgram(path: string, script: string): Promise<string> {
  await Deno.mkdir(join(path, ".."), { recursive: true });
  await Deno.writeTextFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}

Deno.test("KAFKA_VERSION: is the one of the pom", async () => {
  const pom = await Deno.readTextFile(new URL("../../../deploy/local/pom.xml", import.meta.url));
  assertStringIncludes(pom, `<kafka.version>${KAFKA_VERSION}</kafka.version>`);
});

const versions = [
  { line: 'openjdk version "17.0.15" 2025-04-15', version: "17.0.15" },
  { line: 'java version "21" 2023-09-19 LTS', version: "21" },
  { line: 'openjdk version "26-ea" 2026-03-17', version: "26-ea" },
  { line: 'openjdk version "11.0.2" 2019-01-15', error: /^Java 11\.0\.2 .*needs Java 17 or later/ },
  { line: 'java version "1.8.0_402"', error: /^Java 1\.8\.0_402 .*needs Java 17 or later/ },
  { line: "The operation couldn't be completed", error: /^no Java was found.*install Java 17/ },
];
for (const { line, version, error } of versions) {
  Deno.test(`findJava: ${line}`, () =>
    withDirectory(async (home) => {
      await writeProgram(join(home, "bin/java"), `cat >&2 <<'END'\n${line}\nEND`);
      if (version) {
        assertEquals(await findJava(home), { command: join(home, "bin/java"), version });
      } else {
        const { message } = await assertRejects(() => findJava(home), MissingTool);
        assertMatch(message, error!);
        assertStringIncludes(message, `JAVA_HOME=${home}`);
      }
    }));
}

Deno.test("findJava: a JAVA_HOME without Java is named", () =>
  withDirectory(async (home) => {
    const { message } = await assertRejects(() => findJava(home), MissingTool);
    assertMatch(message, /^no Java was found in JAVA_HOME=.*install Java 17 or later/);
  }));

Deno.test("kafkaClasspath: without Maven it says what to install, and leaves nothing", () =>
  withDirectory(async (cacheDir) => {
    const maven = join(cacheDir, "none/mvn");
    const { message } = await assertRejects(
      () => kafkaClasspath({ cacheDir, maven }),
      MissingTool,
    );
    assertMatch(message, /no Maven was found.*install Maven/);
    assertEquals([...Deno.readDirSync(cacheDir)], []);
  }));

Deno.test("kafkaClasspath: shows what Maven says when it fails, and leaves nothing", () =>
  withDirectory(async (directory) => {
    const maven = await writeProgram(join(directory, "mvn"), "echo '[ERROR] no route'; exit 1");
    const cacheDir = join(directory, "cache");
    const { message } = await assertRejects(() => kafkaClasspath({ cacheDir, maven }), Failure);
    assertMatch(message, /exit code 1.*\[ERROR\] no route/s);
    assertEquals([...Deno.readDirSync(cacheDir)], []);
  }));

Deno.test("kafkaClasspath: several at once get the same complete directory; later ones fetch nothing", () =>
  withDirectory(async (directory) => {
    // Writes a jar where it has to, slowly enough for the others to begin.
    const maven = await writeProgram(
      join(directory, "mvn"),
      `for arg; do case $arg in -DoutputDirectory=*) out=\${arg#*=}; esac; done
       echo half > "$out/a.jar"; sleep 0.2; echo whole > "$out/a.jar"`,
    );
    const cacheDir = join(directory, "cache");
    const notices: string[] = [];
    const fetch = () => kafkaClasspath({ cacheDir, maven, onProgress: (l) => notices.push(l) });
    const found = await Promise.all([fetch(), fetch(), fetch()]);
    assertEquals(new Set(found).size, 1);
    assertEquals(await Deno.readTextFile(found[0]!.replace("*", "a.jar")), "whole\n");
    assertEquals([...Deno.readDirSync(cacheDir)].length, 1);

    const before = notices.length;
    assertEquals(await fetch(), found[0]);
    assertEquals(notices.length, before);
  }));
