/** Flat out with all tables in a PostgreSQL, where the other scenarios have SQLite. */
import { createPool } from "../../database/postgres_pool.ts";
import type { TablesConfig } from "../../database/settings.ts";
import { measureAtLength } from "../measure.ts";
import { withWarmPipeline } from "./flat_out.ts";
import type { Context, Measured } from "./scenario.ts";

export function postgres(context: Context): Promise<Measured> {
  const { config } = context;
  return withFreshDatabase(config, (url) => {
    const env = {
      DATABASE_URL: url,
      DATABASE_PASSWORD_FILE: config.databasePassword?.path ?? "",
    };
    return withWarmPipeline(context, env, async (pipeline, warm) => {
      const slice = { orders: config.orders, rate: 0 };
      const { settledPerSecond, figures } = await measureAtLength(pipeline, slice);
      return {
        figures: [
          { label: "orders settled", unit: "orders/s", value: settledPerSecond },
          ...figures,
          ...warm,
        ],
      };
    });
  });
}

/** Creates a database beside the one of the address for `work`, and drops it. */
async function withFreshDatabase<T>(
  { databaseUrl, databasePassword }: Omit<TablesConfig, "dataDir">,
  work: (url: string) => Promise<T>,
): Promise<T> {
  const name = `orderflow_bench_${Date.now().toString(36)}`;
  const pool = createPool(databaseUrl, undefined, databasePassword);
  const command = (sql: string) => pool.use((connection) => connection.query(sql));
  try {
    await command(`create database ${name}`);
    try {
      return await work(withDatabase(databaseUrl, name));
    } finally {
      await command(`drop database ${name} with (force)`);
    }
  } finally {
    await pool.close();
  }
}

/** The same address with another database. */
export function withDatabase(url: string, database: string): string {
  return url.replace(/^([^/]+\/\/[^/?]+)(\/[^?]*)?/, `$1/${database}`);
}
