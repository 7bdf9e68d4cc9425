import { isIPv6 } from "node:net";

/** Reads a text file; throws Deno.errors.NotFound where there is none. */
export type ReadFile = (path: string) => string;

/** Where a setting comes from, and what people are told of it. */
export interface Source {
  /** Its name in the environment and in `.env`; absent for what only a command line can say. */
  readonly env?: string;
  /** Its option on the command line, without the dashes. */
  readonly option?: string;
  /** What stands for the option's value in the help, such as `SERVICE`. */
  readonly value?: string;
  /** The text of the default. */
  readonly fallback: string;
  /** What an empty default means, such as `SQLite`; `none` by default. */
  readonly fallbackHelp?: string;
  /** One line for people: what it means, in which unit. Without the default, which help adds. */
  readonly help: string;
}

/** One setting, and how its text is read. */
export interface Setting<T> extends Source {
  /** A yes-or-no option takes no value on the command line. */
  readonly flag?: boolean;
  /** @throws {Error} with what was expected, not what was found: the caller adds name and value */
  readonly read: (text: string, readFile: ReadFile) => T;
}

/** A whole number from `min` to `max`. */
export function integer(source: Range): Setting<number> {
  return numeric(source, /^-?\d+$/, "a whole number");
}

/** A number from `min` to `max`, such as a share. */
export function number(source: Range): Setting<number> {
  return numeric(source, /^-?\d+(\.\d+)?$/, "a number");
}

type Range = Source & { readonly min: number; readonly max: number };

function numeric(source: Range, pattern: RegExp, expected: string): Setting<number> {
  const { min, max } = source;
  return {
    value: "N",
    ...source,
    read(text) {
      const value = Number(text);
      if (!pattern.test(text) || value < min || value > max) {
        throw new Error(`${expected} from ${min} to ${max}`);
      }
      return value;
    },
  };
}

/** One of a closed list of words. */
export function choice<const W extends string>(
  source: Source & { words: readonly W[] },
): Setting<W> {
  return {
    value: source.words.length < 5 ? source.words.join("|") : "WORD",
    ...source,
    read(text) {
      if (!(source.words as readonly string[]).includes(text)) {
        throw new Error(`one of ${source.words.join(", ")}`);
      }
      return text as W;
    },
  };
}

/** Any text that matches `pattern`; `expected` says to people what that is. */
export function string(
  source: Source & { pattern?: RegExp; expected?: string },
): Setting<string> {
  return {
    value: "TEXT",
    ...source,
    read(text) {
      if (source.pattern && !source.pattern.test(text)) {
        throw new Error(source.expected ?? `text that matches ${source.pattern}`);
      }
      return text;
    },
  };
}

/**
 * A folder that this process has the permission to write to: told at start, rather than by whatever
 * writes first.
 */
export function folder(source: Source & { expected: string }): Setting<string> {
  return {
    value: "FOLDER",
    ...source,
    read(path) {
      if (path === "" || !mayWrite(path)) throw new Error(source.expected);
      return path;
    },
  };
}

function mayWrite(path: string): boolean {
  return Deno.permissions.querySync({ name: "write", path }).state === "granted";
}

/** A file that does not exist yet, in a folder that this process may write to; empty: none. */
export function newFile(source: Source & { expected: string }): Setting<string> {
  return {
    value: "FILE",
    ...source,
    read(path) {
      if (path === "") return path;
      if (!mayWrite(path)) throw new Error(source.expected);
      if (exists(path)) {
        throw new Error("a new file (this one is there already: remove it, or name another)");
      }
      return path;
    },
  };
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** A list of `host:port` or `[IPv6]:port`, separated by commas. */
export function hosts(source: Source): Setting<string[]> {
  return {
    value: "HOST:PORT",
    ...source,
    read(text) {
      const list = text.split(",").map((host) => host.trim());
      if (!list.every(parseAddress)) {
        throw new Error(
          "host:port, several separated by commas; an IPv6 address in brackets, [::1]:9092",
        );
      }
      return list;
    },
  };
}

/** A text file that was in order at start, and may change. */
export interface TextFile {
  readonly path: string;
  /**
   * What it holds now, without white space around.
   *
   * @throws {Error} it is not in order any more; the message names the setting and the path
   */
  readonly read: () => string;
}

/** A text file, looked at when the process starts; undefined for no path. */
export function textFile(
  source: Source & { isSound: (text: string) => boolean; expected: string },
): Setting<TextFile | undefined> {
  return {
    value: "FILE",
    ...source,
    read(path, readFile) {
      if (path === "") return undefined;
      const read = () => {
        let text: string;
        try {
          text = readFile(path).trim();
        } catch (error) {
          throw new Error(`${source.expected} that can be read (${(error as Error).message})`);
        }
        if (!source.isSound(text)) throw new Error(source.expected);
        return text;
      };
      read();
      return {
        path,
        read() {
          try {
            return read();
          } catch (error) {
            const { message } = error as Error;
            throw new Error(`${source.env}: expected ${message}, found "${path}"`);
          }
        },
      };
    },
  };
}

/** Yes or no: `true`/`false` in the environment, the bare option on the command line. */
export function flag(source: Source): Setting<boolean> {
  return {
    ...source,
    flag: true,
    read(text) {
      if (text !== "true" && text !== "false") throw new Error("true or false");
      return text === "true";
    },
  };
}

/** What may be left out: undefined for no text. */
export function optional<T>(setting: Setting<T>): Setting<T | undefined> {
  return {
    ...setting,
    read: (text, readFile) => text === "" ? undefined : setting.read(text, readFile),
  };
}

export type Settings = Record<string, Setting<unknown>>;
export type Config<S extends Settings> = {
  readonly [K in keyof S]: ReturnType<S[K]["read"]>;
};

/** `--json` of the commands that print something for people. */
export const jsonSettings = {
  json: flag({ option: "json", fallback: "false", help: "prints JSON, for other programs" }),
};

/** An address as people write it: `host:port`, an IPv6 address in brackets. */
interface Address {
  /** A name or an IP address, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port` or `[IPv6]:port`; undefined when it is neither. */
export function parseAddress(text: string): Address | undefined {
  const [, ipv6, name, digits] = /^(?:\[([^\]]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (!(port > 0 && port < 65_536) || ipv6 !== undefined && !isIPv6(ipv6)) return undefined;
  return { host: (ipv6 ?? name)!, port };
}

/** The inverse of `parseAddress`; also what stands between `http://` and the path. */
export function formatAddress({ host, port }: Address): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
