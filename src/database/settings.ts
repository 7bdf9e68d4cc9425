import { folder, string, type TextFile, textFile } from "../runtime/setting.ts";

/** Where the tables are. */
export const storeSettings = {
  dataDir: folder({
    env: "DATA_DIR",
    fallback: ".data",
    expected: ".data, or a folder below it (the tasks may write to no other)",
    help: "the folder of the embedded Kafka and of the SQLite files",
  }),
  databaseUrl: string({
    env: "DATABASE_URL",
    fallback: "",
    pattern: /^(postgres(ql)?:\/\/.+)?$/,
    expected: "postgres://…, or nothing for SQLite in DATA_DIR",
    fallbackHelp: "SQLite",
    help: "a PostgreSQL for the tables, for services on several machines",
  }),
  databasePassword: textFile({
    env: "DATABASE_PASSWORD_FILE",
    fallback: "",
    isSound: (text) => /^.+$/.test(text),
    expected: "a file of one line with the password",
    help: "the file with the password for DATABASE_URL, read again for each connection",
  }),
};

/** The settings that say where the tables are. */
export interface TablesConfig {
  readonly databaseUrl: string;
  readonly databasePassword?: TextFile | undefined;
  readonly dataDir: string;
}

/** The place of the tables, as `openDatabase` takes it. */
export function placeOf(
  config: TablesConfig,
): { url: string; password: TextFile | undefined; directory: string } {
  const { databaseUrl: url, databasePassword: password, dataDir: directory } = config;
  return { url, password, directory };
}
