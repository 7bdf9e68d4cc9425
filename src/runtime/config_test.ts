import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ConfigError, readConfig, type Sources } from "./config.ts";
import {
  choice,
  flag,
  folder,
  hosts,
  integer,
  number,
  optional,
  string,
  textFile,
} from "./setting.ts";

const settings = {
  brokers: hosts({ env: "KAFKA_BROKERS", fallback: "127.0.0.1:9092", help: "" }),
  rate: integer({ env: "RATE", option: "rate", fallback: "0", min: 0, max: 100, help: "" }),
  share: number({ env: "SHARE", fallback: "0.5", min: 0, max: 1, help: "" }),
  mode: choice({ env: "MODE", fallback: "a", words: ["a", "b"], help: "" }),
  keep: flag({ option: "keep", fallback: "false", help: "" }),
  name: string({ env: "NAME", fallback: "x", pattern: /^\w+$/, expected: "letters", help: "" }),
};

function sources(
  { args = [], env = {}, file }: { args?: string[]; env?: Record<string, string>; file?: string },
): Sources {
  return {
    args,
    env: (name) => env[name],
    readFile: () => {
      if (file === undefined) throw new Deno.errors.NotFound("no such file");
      return file;
    },
  };
}

Deno.test("readConfig: nothing said is the fallback", () => {
  const { config, positionals } = readConfig(settings, { sources: sources({}) });
  assertEquals(config, {
    brokers: ["127.0.0.1:9092"],
    rate: 0,
    share: 0.5,
    mode: "a",
    keep: false,
    name: "x",
  });
  assertEquals(positionals, []);
});

Deno.test("readConfig: the command line wins over the environment, that over the file", () => {
  const { config } = readConfig(settings, {
    sources: sources({
      args: ["--rate", "3", "--keep"],
      env: { RATE: "2", MODE: "b" },
      file: "RATE=1\nMODE=a\n# a comment\nNAME='file'\nSHARE=\n",
    }),
  });
  assertEquals([config.rate, config.mode, config.name, config.keep, config.share], [
    3,
    "b",
    "file",
    true,
    0.5,
  ]);
});

Deno.test("readConfig: names every fault at once, with value and expectation", () => {
  const error = assertThrows(() =>
    readConfig(settings, {
      sources: sources({
        args: ["--speed=9", "--rate", "101", "extra"],
        env: { KAFKA_BROKERS: "localhost", SHARE: "1,5", MODE: "c" },
        file: "nonsense\nNAME=a b",
      }),
    }), ConfigError);
  for (
    const part of [
      "--speed: unknown option; expected one of --rate, --keep, --env, --help, --version",
      '--rate: expected a whole number from 0 to 100, found "101"',
      '"extra": unexpected',
      'KAFKA_BROKERS: expected host:port, several separated by commas; an IPv6 address in brackets, [::1]:9092, found "localhost"',
      'SHARE: expected a number from 0 to 1, found "1,5"',
      'MODE: expected one of a, b, found "c"',
      '.env, line 1: expected NAME=value, found "nonsense"',
      'NAME: expected letters, found "a b"',
    ]
  ) assertStringIncludes(error.message, part);
  assertEquals(error.faults.length, 8);
});

Deno.test("optional: undefined for nothing, and otherwise as strict as without", () => {
  const copies = optional(integer({ env: "COPIES", fallback: "", min: 1, max: 3, help: "" }));
  const read = (text: string) =>
    readConfig({ copies }, { sources: sources({ env: { COPIES: text } }) }).config.copies;
  assertEquals(["", "2"].map(read), [undefined, 2]);
  assertThrows(() => read("4"), ConfigError, "COPIES: expected a whole number from 1 to 3");
});

Deno.test("readConfig: a check sees sound values and names a contradiction", () => {
  const checks = [({ rate }: { rate: number }) => rate > 1 ? "RATE: too fast" : undefined];
  assertThrows(
    () => readConfig(settings, { checks, sources: sources({ env: { RATE: "2" } }) }),
    ConfigError,
    "RATE: too fast",
  );
  assertEquals(readConfig(settings, { checks, sources: sources({}) }).config.rate, 0);
});

Deno.test("readConfig: a check is asked beside other faults, but not about a setting at fault", () => {
  const checks = [
    ({ rate }: { rate: number }) => rate > 1 ? "RATE: too fast" : undefined,
    ({ share }: { share: number }) => share > 0.1 ? "SHARE: too large" : undefined,
  ];
  const error = assertThrows(
    () => readConfig(settings, { checks, sources: sources({ env: { RATE: "2", SHARE: "x" } }) }),
    ConfigError,
  );
  assertEquals(error.faults, [
    'SHARE: expected a number from 0 to 1, found "x"',
    "RATE: too fast",
  ]);
});

Deno.test("readConfig: a file that was asked for must be there", () => {
  assertThrows(
    () => readConfig(settings, { sources: sources({ args: ["--env", "other.env"] }) }),
    ConfigError,
    "other.env: cannot be read",
  );
});

Deno.test("hosts: IPv6 addresses stand in brackets, and a fault says so", () => {
  const read = (text: string) =>
    readConfig(settings, { sources: sources({ env: { KAFKA_BROKERS: text } }) }).config.brokers;
  assertEquals(read("[::1]:9092, kafka:1"), ["[::1]:9092", "kafka:1"]);
  for (const bare of ["::1:9092", "::1", "[::1]", "[::g]:1", "kafka:1,::1:2"]) {
    assertEquals(assertThrows(() => read(bare), ConfigError).faults, [
      "KAFKA_BROKERS: expected host:port, several separated by commas; an IPv6 address in " +
      `brackets, [::1]:9092, found "${bare}"`,
    ]);
  }
});

Deno.test("readConfig: the words of a command line are those of one action", () => {
  const cases: [usages: string[], args: string[], fault: string | undefined][] = [
    [["ORDER_ID"], ["r1-000001"], undefined],
    [["ORDER_ID"], [], "expected ORDER_ID"],
    [["ORDER_ID"], ["a", "b"], '"b": unexpected; expected ORDER_ID'],
    [["[SERVICE]", "reset SERVICE"], [], undefined],
    [["[SERVICE]", "reset SERVICE"], ["validator"], undefined],
    [["[SERVICE]", "reset SERVICE"], ["reset", "validator"], undefined],
    [["[SERVICE]", "reset SERVICE"], ["reset"], "expected reset SERVICE"],
    [["[SERVICE]", "reset SERVICE"], ["a", "b"], '"b": unexpected; expected [SERVICE]'],
    [["list SERVICE", "show SERVICE [ID]"], ["show", "a"], undefined],
    [["list SERVICE", "show SERVICE [ID]"], ["show", "a", "1"], undefined],
    [
      ["list SERVICE", "show SERVICE [ID]"],
      ["shwo", "a"],
      '"shwo": unknown action; did you mean show?',
    ],
    [
      ["list SERVICE", "show SERVICE"],
      ["eat"],
      '"eat": unknown action; expected one of list, show',
    ],
    [["list SERVICE", "show SERVICE"], [], "expected one of list, show"],
    [[], ["a"], '"a": unexpected; only options are expected'],
  ];
  for (const [usages, args, fault] of cases) {
    const actions = usages.map((usage) => ({ usage, help: "" }));
    const read = () => readConfig(settings, { actions, sources: sources({ args }) }).positionals;
    if (fault === undefined) assertEquals(read(), args);
    else assertEquals(assertThrows(read, ConfigError).faults, [fault]);
  }
});

Deno.test("textFile: is read whenever it is asked for; a fault shows the path, never the content", () => {
  const secret = textFile({
    env: "SECRET_FILE",
    fallback: "",
    isSound: (text) => /^\w+$/.test(text),
    expected: "a file of one word",
    help: "",
  });
  const read = (env: Record<string, string>, files: Record<string, string>) =>
    readConfig({ secret }, {
      sources: {
        args: [],
        env: (name) => env[name],
        readFile: (path) => {
          if (path in files) return files[path]!;
          throw new Deno.errors.NotFound("no such file");
        },
      },
    }).config.secret;
  assertEquals(read({}, {}), undefined);
  const files = { "/s": "word\n" };
  const file = read({ SECRET_FILE: "/s" }, files)!;
  assertEquals([file.path, file.read()], ["/s", "word"]);
  files["/s"] = "other";
  assertEquals(file.read(), "other");
  files["/s"] = "two words";
  assertThrows(
    () => file.read(),
    Error,
    'SECRET_FILE: expected a file of one word, found "/s"',
  );
  const absent = assertThrows(() => read({ SECRET_FILE: "/s" }, {}), ConfigError);
  assertEquals(absent.faults, [
    'SECRET_FILE: expected a file of one word that can be read (no such file), found "/s"',
  ]);
  const odd = assertThrows(() => read({ SECRET_FILE: "/s" }, { "/s": "two words" }), ConfigError);
  assertEquals(odd.faults, ['SECRET_FILE: expected a file of one word, found "/s"']);
});

Deno.test({
  name: "folder: one that may not be written to is a fault that names value and way out",
  permissions: { write: [".data"], read: true },
  fn() {
    const data = folder({ env: "DATA", fallback: ".data", expected: "one below .data", help: "" });
    const read = (value?: string) =>
      readConfig({ data }, { sources: sources({ env: value ? { DATA: value } : {} }) }).config.data;
    for (const good of [".data", "./.data/mine", `${Deno.cwd()}/.data/mine`]) {
      assertEquals(read(good), good);
    }
    assertEquals(read(), ".data");
    for (const bad of ["mine", ".data/../mine", "/tmp"]) {
      assertEquals(assertThrows(() => read(bad), ConfigError).faults, [
        `DATA: expected one below .data, found "${bad}"`,
      ]);
    }
  },
});
