/** What a person sees of the audit, of overdue orders and of dead letters, as steps of the dashboard's test. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import { CHECK_NAMES } from "../../audit/checks.ts";
import { createClient } from "../../kafka/client/client.ts";
import { toDeadLetterMessage } from "../../kafka/dead_letters.ts";
import type { Run } from "../../local/run.ts";
import { until } from "../../runtime/until.ts";

interface Shown {
  readonly t: Deno.TestContext;
  readonly run: Run;
  readonly page: Page;
}

/** Orders that are placed while payment is away. */
const STUCK = 20;
/** More than the page lists. */
const DEAD_LETTERS = 120;
const LISTED = 100;

const stateOf = (page: Page, card: string) => page.locator(`#${card} [data-state]`);

/** Follows a card's first link to an order with the keyboard, until its history is shown. */
async function followToOrder(page: Page, card: string): Promise<void> {
  const first = page.locator(`#${card} .order-link`).first();
  const search = page.getByLabel("Order id");
  await until("the order is searched for", async () => {
    // In one step: the list is live, and what was the first may be gone in the next.
    const id = await first.evaluate((link) => {
      link.focus();
      return link.textContent;
    });
    await page.keyboard.press("Enter");
    return await search.inputValue() === id;
  });
  await page.locator(".order-history").getByText("OrderPlaced").first().waitFor();
}

export async function nothingToTell({ t, page }: Shown): Promise<void> {
  await t.step("before the first audit, order and dead letter it says so", async () => {
    await stateOf(page, "audit").filter({ hasText: "never run" }).waitFor();
    await page.locator("#audit").getByText("deno task audit --wait 60").waitFor();
    await stateOf(page, "overdue").filter({ hasText: /^0/ }).waitFor();
    await stateOf(page, "dead-letters").filter({ hasText: "no message has become one" }).waitFor();
    assertEquals(await page.locator("nav .troubles").count(), 0);
  });
}

/** After an audit that passed. */
export async function auditHasPassed({ t, page }: Shown, orders: number): Promise<void> {
  await t.step("the audit's verdict is shown, with what it covered and its promises", async () => {
    await stateOf(page, "audit").filter({ hasText: /^passed/ }).waitFor();
    const scope = page.locator("#audit [data-scope]");
    const count = orders.toLocaleString("en");
    await scope.filter({ hasText: new RegExp(`It judged ${count} orders, all there were`) })
      .waitFor();
    await page.locator("#audit summary", { hasText: "promises held" }).press("Enter");
    const { length } = CHECK_NAMES;
    await until(
      "each promise is listed",
      async () => await page.locator("#audit [data-promise]").count() === length,
    );
  });
}

export async function deadLettersLead({ t, page }: Shown): Promise<void> {
  await t.step("the number of dead letters leads to a list, without what they hold", async () => {
    await page.locator('[data-service="validator"] a').press("Enter");
    const list = page.locator("[data-dead-letters=validator]");
    const row = list.locator("[data-dead-letter]").first();
    await row.waitFor();
    const id = await row.getAttribute("data-dead-letter");
    const commands = await row.locator("code").allInnerTexts();
    assertEquals(
      commands,
      ["show", "replay"].map((action) => `deno task dlq ${action} validator ${id}`),
    );
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    const copy = row.getByRole("button").first();
    await until("it says that it is copied, for two seconds", async () => {
      await copy.press("Enter");
      return await copy.innerText() === "copied";
    });
    assertEquals(await page.evaluate(() => navigator.clipboard.readText()), commands[0]);
    const text = await list.innerText();
    assert(!/\bc-\d+|customer/i.test(text), text);
  });
}

/** @param place begins to place orders */
export async function ordersGetStuck(
  { t, run, page }: Shown,
  place: (orders: number) => { readonly placed: number; readonly done: Promise<unknown> },
): Promise<void> {
  await run.pipeline.scale("payment", 0);
  const placing = place(STUCK);
  await t.step("orders without an outcome are counted, and lead to their history", async () => {
    const stuck = page.locator("#overdue p", { hasText: "wait for stock or payment" });
    await until(
      "they are counted",
      async () => /^[1-9]/.test((await stuck.allInnerTexts()).join()),
    );
    await followToOrder(page, "overdue");
    await until("the header says so", async () => await page.locator("nav .troubles").count() > 0);
  });
  await t.step("a failed audit names them, and leads to them", async () => {
    await until("all are placed", () => placing.placed === STUCK);
    assert(!(await run.auditAsJson()).passed);
    await stateOf(page, "audit").filter({ hasText: /^failed/ }).waitFor();
    await page.locator("#audit [data-failed]", { hasText: "exactly one outcome" }).waitFor();
    await followToOrder(page, "audit");
  });
  await t.step("what waits for the validator is counted, too", async () => {
    await run.pipeline.scale("validator", 0);
    const waiting = page.locator("#overdue p", { hasText: "wait for the validator" });
    const more = place(STUCK);
    await until(
      "they are counted",
      async () => /^[1-9]/.test((await waiting.allInnerTexts()).join()),
    );
    await run.pipeline.scale("validator", 1);
    await run.pipeline.scale("payment", 1);
    await Promise.all([placing.done, more.done]);
    await stateOf(page, "overdue").filter({ hasText: /^0/ }).waitFor();
  });
}

/** Its dead letters are about messages that never were: no audit passes after it. */
export async function moreThanAreListed({ t, run, page }: Shown): Promise<void> {
  await t.step("of many dead letters the newest are listed, and how many there are", async () => {
    const raw = {
      offset: 0,
      key: new TextEncoder().encode("r1-000001"),
      value: new TextEncoder().encode(
        JSON.stringify({ type: "OrderValidated", totalCents: 1_234, customer: { name: "Ada" } }),
      ),
      headers: {},
    };
    const from = { topic: "orders.validated", group: "inventory", attempts: 3 };
    const fault = { reason: "processing_failed", detail: "Ada's" } as const;
    const messages = Array.from({ length: DEAD_LETTERS }, () =>
      toDeadLetterMessage(
        { topic: "orders.validated", partition: 0, raw, fault },
        { ...from, time: new Date().toISOString() },
      ));
    const client = createClient({ brokers: run.brokers }, "test");
    const producer = client.producer();
    await producer.connect();
    await producer.send({ topic: run.names.topic("dlq.inventory"), messages });
    await producer.disconnect();
    // The list closed when analytics was away, if it still knew of none after that.
    await page.locator('[data-service="inventory"] a').press("Enter");
    const list = page.locator("[data-dead-letters=inventory]");
    await list.getByText(`the newest ${LISTED} of ${DEAD_LETTERS} open`).waitFor();
    assertEquals(await list.locator("[data-dead-letter]").count(), LISTED);
    const text = await list.innerText();
    assertMatch(text, /processing failed[\s\S]*type OrderValidated, total 1,?234 cents|12\.34/);
    assert(!text.includes("Ada"), text);
  });
}
