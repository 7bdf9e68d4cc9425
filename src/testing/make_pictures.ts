/**
 * `deno task docs:pictures [RATE]`: makes the pictures of docs/dashboard.md anew, from a run of its own with
 * the page as it is now. Takes about six minutes, because the curves need some to be seen.
 */
import { freePort } from "../local/kafka/ports.ts";
import { openRun, type Run } from "../local/run.ts";
import { bundlePage } from "../local/task.ts";
import { openPage } from "../e2e/support/browser.ts";
import { Failure } from "../runtime/errors.ts";
import { until } from "../runtime/until.ts";
import { CONSUMERS } from "../topology.ts";

/** Orders a second: as many as this machine does with ease, so that the pictures show a healthy run. */
const RATE = Number(Deno.args[0] ?? 200);
const ORDERS = 330 * RATE;
/** When the first picture is taken, and a payment is killed for the second one. */
const SHARE = { now: 0.8, killed: 0.82 };

const fault = await bundlePage();
if (fault) throw new Failure(fault);
const port = await freePort();
const dataDir = await Deno.makeTempDir({ dir: ".data", prefix: "pictures-" });
const run = await openRun({
  dataDir,
  guarantee: "exactly_once",
  databaseUrl: "",
  port: 0,
  initialStock: ORDERS,
  env: { DASHBOARD_PORT: String(port), ANALYTICS_FROM_BEGINNING: "true" },
  onNotice: console.error,
});
const stop = new AbortController();
try {
  for (const service of CONSUMERS) await run.pipeline.scale(service, service === "payment" ? 2 : 1);
  let share = 0;
  const placing = run.place({ orders: ORDERS, rate: RATE, seed: 1 }, stop.signal, (now) => {
    share = now.settled / ORDERS;
  });
  const pictures = takePictures(run, port, (wanted) => share >= wanted);
  await Promise.race([pictures, placing.then(() => pictures)]);
  stop.abort();
  await placing;
} finally {
  await run.close();
  await Deno.remove(dataDir, { recursive: true });
}

async function takePictures(
  { pipeline }: Run,
  port: number,
  reached: (share: number) => boolean,
): Promise<void> {
  const limitMs = 900_000;
  await until("orders have flowed for a while", () => reached(SHARE.now), limitMs);
  const url = `http://127.0.0.1:${port}/`;
  await using opened = await openPage(url);
  const page = await opened.page.context().browser()!.newPage({
    viewport: { width: 1280, height: 720 },
    deviceScaleFactor: 1.5,
    locale: "en-US",
  });
  await page.goto(url);
  await page.locator("#pipeline .edge.flowing").first().waitFor();
  await page.screenshot({ path: "docs/dashboard.png" });
  await until("a bit later", () => reached(SHARE.killed), limitMs);
  const killed = pipeline.members("payment")[0]!;
  killed.signal("SIGKILL");
  const rebalance = page.locator("[data-rebalance=payment]", {
    hasText: `− payment-${killed.pid}`,
  });
  await rebalance.filter({ hasNotText: "rebalancing for" }).first().waitFor();
  // The newest is the first: the member that was started in its place has joined, too.
  const newest = page.locator("[data-rebalance=payment]").first();
  await newest.filter({ hasText: "2 members now" }).waitFor({ timeout: 60_000 });
  // Down to the members of payment.
  await page.setViewportSize({ width: 1280, height: 840 });
  await page.locator("#groups").evaluate((groups) => groups.scrollIntoView());
  await page.screenshot({ path: "docs/dashboard-groups.png" });
}
