/**
 * The dashboard's page in every state, on every kind of screen, in a real browser but without a pipeline:
 * it can be read, used by keyboard, and axe-core finds nothing.
 */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { bundlePage } from "../local/task.ts";
import { until } from "../runtime/until.ts";
import { lacks } from "../testing/skips.ts";
import { axeViolations } from "./support/axe.ts";
import { BROWSER, openPage } from "./support/browser.ts";
import { serveFake, type State, STATES } from "./support/fake_analytics.ts";

/** axe-core takes seconds: it looks at the other screens in one state alone. */
const AXE_SCREENS = ["desktop", "phone"];

const SCREENS = {
  desktop: { width: 1280, height: 720 },
  phone: { width: 360, height: 740 },
  projector: { width: 1024, height: 768 },
  "zoomed to 200 %": { width: 640, height: 360 },
};

/** What is cut off at the right edge (of the page, of boxes that cannot be scrolled), or out of its column. */
function cutOff(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    // The plots take their new size a frame after the window.
    for (const _ of [1, 2]) await new Promise(requestAnimationFrame);
    const root = document.documentElement;
    const wide = root.scrollWidth > root.clientWidth ? ["the page"] : [];
    const outside = [...document.querySelectorAll("main *, header *")].filter((element) =>
      element.checkVisibility() && element.getBoundingClientRect().right > root.clientWidth + 1 &&
      !element.closest("svg, .u-wrap, .flow, .scroll")
    );
    // Large figures stay in their column, however long they are.
    const moved = [...document.querySelectorAll(".rows")].filter((rows) =>
      rows.scrollWidth > rows.clientWidth ||
      new Set([...rows.querySelectorAll(".big")].map((big) => big.getBoundingClientRect().left))
          .size > 1
    );
    return [...wide, ...[...outside, ...moved].map(({ outerHTML }) => outerHTML.slice(0, 120))];
  });
}

/** For people, into the folder SCREENSHOTS. */
async function screenshot(page: Page, name: string): Promise<void> {
  const folder = Deno.env.get("SCREENSHOTS");
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}

async function looksRight(t: Deno.TestContext, page: Page, state: string): Promise<void> {
  for (const [screen, size] of Object.entries(SCREENS)) {
    await t.step(
      `${state}, ${screen}: all of it is on the screen, axe-core finds nothing`,
      async () => {
        await page.setViewportSize(size);
        await screenshot(page, `${state}-${screen}`);
        assertEquals(await cutOff(page), []);
        if (state === "running" || AXE_SCREENS.includes(screen)) {
          assertEquals(await axeViolations(page), []);
        }
      },
    );
  }
  await page.setViewportSize(SCREENS.desktop);
}

/** Each plot's cursor, by the number of its window. */
function cursors(page: Page): Promise<string[]> {
  return page.getByRole("slider").evaluateAll((plots) =>
    plots.map((plot) => plot.getAttribute("aria-valuenow")!)
  );
}

async function cursorIsShared({ page, t }: { page: Page; t: Deno.TestContext }): Promise<void> {
  await t.step(
    "the arrow keys move one cursor in all plots, the mouse does, Escape ends it",
    async () => {
      const readouts = page.locator(".readout time");
      const times = async () => new Set(await readouts.allInnerTexts());
      const first = page.getByRole("slider").first();
      await first.focus();
      await page.keyboard.press("ArrowLeft");
      await page.keyboard.press("PageUp");
      const pointed = page.locator(".readout.pointed");
      // Without a cursor they may show the same time, too.
      await until(
        "all point at the same time",
        async () => await pointed.count() === await readouts.count() && (await times()).size === 1,
      );
      const [byKey] = await times();
      await page.locator(".canvas .u-over").nth(1).hover({ position: { x: 60, y: 40 } });
      await until("it follows the mouse", async () => {
        const now = await times();
        return now.size === 1 && !now.has(byKey!);
      });
      await page.mouse.move(0, 0);
      await page.keyboard.press("Escape");
      await until("none is pointed at", async () => await pointed.count() === 0);
    },
  );
}

/** Spans of time, in pixels, in which a plot's line is not drawn, from where it begins to where it ends. */
function gapsOfLine(page: Page, plot: string, color: string): Promise<number[]> {
  return page.getByRole("slider", { name: plot }).evaluate((slider, color) => {
    const canvas = slider.querySelector("canvas")!;
    const probe = slider.appendChild(document.createElement("i"));
    probe.style.color = `var(${color})`;
    const wanted = getComputedStyle(probe).color.match(/[\d.]+/g)!.slice(0, 3).map(Number);
    probe.remove();
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, width, height);
    const isOn = (x: number, y: number) =>
      wanted.every((part, index) => Math.abs(data[(y * width + x) * 4 + index]! - part) < 30);
    const rows = Array.from({ length: height }, (_, y) => y);
    const drawn = Array.from({ length: width }, (_, x) => x).filter((x) =>
      rows.some((y) => isOn(x, y))
    );
    return drawn.slice(1).map((x, index) => x - drawn[index]! - 1).filter((gap) => gap > 0);
  }, color);
}

async function linesStop({ page, t }: { page: Page; t: Deno.TestContext }): Promise<void> {
  await t.step(
    "where no order was settled there is no latency, and a lone one is seen",
    async () => {
      const gaps = await gapsOfLine(page, "Latency from placed to outcome, time", "--purple");
      assertEquals(gaps.filter((px) => px > 8).length, 2, `gaps of ${gaps.join(", ")} pixels`);
    },
  );
}

async function rangesChange({ page, t }: { page: Page; t: Deno.TestContext }): Promise<void> {
  await t.step("another range has other windows; a reader is told which", async () => {
    const before = await cursors(page);
    const choose = async (name: string, every: string) => {
      await page.getByRole("button", { name, exact: true }).press("Enter");
      await page.getByRole("button", { name, exact: true, pressed: true }).waitFor();
      await page.locator(".ranges", { hasText: every }).waitFor();
    };
    await choose("1 hour", "every 30 s");
    assertNotEquals(await cursors(page), before);
    await choose("all", "every 5 s");
    await choose("10 minutes", "every 5 s");
  });
}

/** Tabs through the page: everything that can be used is reached, and is seen to be. */
async function keyboardReaches({ page, t }: { page: Page; t: Deno.TestContext }): Promise<void> {
  await t.step("by keyboard everything is reached, and it is seen where", async () => {
    await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
    const seen = new Set<string>();
    const usable = await page.locator("a, button, input, summary, [tabindex='0']")
      .filter({ visible: true }).count();
    for (let press = 0; press < usable + 5; press++) {
      await page.keyboard.press("Tab");
      const focused = await page.evaluate(() => {
        const element = document.activeElement!;
        const all = [...document.querySelectorAll("a, button, input, summary, [tabindex='0']")];
        return { index: all.indexOf(element), outline: getComputedStyle(element).outlineStyle };
      });
      if (focused.index < 0) continue;
      assertEquals(focused.outline, "solid");
      seen.add(String(focused.index));
    }
    assertEquals(seen.size, usable);
  });
}

async function figuresAreThere({ page, t }: { page: Page; t: Deno.TestContext }): Promise<void> {
  await t.step("no line ends in a fall to zero: the unfinished window is left out", async () => {
    const text = await page.locator(".cards .readout").first().innerText();
    assertMatch(text, /placed 4\/s/);
  });
  await t.step("each partition has its offsets", async () => {
    const group = page.locator("[data-group=validator]");
    await group.locator("summary").press("Enter");
    const row = group.locator("[data-partition='orders.raw/7']");
    assertMatch(
      await row.innerText(),
      /orders\.raw\/7\s+validator-1042\s+\d\d,\d{3}\s+\d\d,\d{3}\s+0\s+no/,
    );
  });
  await t.step("a recent order is offered to search for", async () => {
    await page.locator("[data-example]").press("Enter");
    const search = page.getByLabel("Order id");
    await until("it is searched for", async () => await search.inputValue() === "r1-002048");
  });
}

async function killedIsShown({ page, t }: { page: Page; t: Deno.TestContext }): Promise<void> {
  await t.step("the lag of the killed member's partitions grows, and it is said", async () => {
    const group = page.locator("[data-group=payment]");
    await group.locator(".drain", { hasText: "not catching up: the lag grows" }).waitFor();
    await group.locator("summary").press("Enter");
    const row = group.locator("[data-partition='orders.validated/1']");
    assertMatch(await row.innerText(), /longest \d+ s, \d\d:\d\d:\d\d–\d\d:\d\d:\d\d/);
  });
}

/** Opens whatever the cards can tell, and one group, so that all of it is looked at on every screen. */
async function openChecks(page: Page): Promise<void> {
  // What is opened loads more that can be.
  const closed = page.locator(
    ":is(#checks, [data-group=payment]) details:not([open]) > summary",
  );
  const loaded = [
    "[data-dead-letters=payment] tbody tr",
    "[data-promise]",
    "[data-group=payment] [data-partition]",
  ];
  await until("all of it is open", async () => {
    if (await closed.count() > 0) await closed.first().press("Enter");
    const counts = await Promise.all([closed, ...loaded.map((css) => page.locator(css))]
      .map((found) => found.count()));
    return counts[0] === 0 && counts.slice(1).every((count) => count > 0);
  });
}

async function troubleIsShown({ page, t }: { page: Page; t: Deno.TestContext }): Promise<void> {
  await t.step(
    "each trouble is told in the heading, with the orders that it is about",
    async () => {
      assertEquals(await page.locator("nav .troubles").innerText(), "3");
      assertEquals(await page.locator("#checks [data-state=bad]").count(), 3);
      const failed = await page.locator("[data-failed]").first().innerText();
      assertMatch(failed, /G1 every order has exactly one outcome: 23 wrong/);
      assertMatch(failed, /r1-000102: validated, .*and 21 more: deno task audit/s);
      const overdue = await page.locator("#overdue").innerText();
      assertMatch(overdue, /1,204 wait for the validator\s+23 are validated/);
      const dead = await page.locator("[data-dead-letters=validator]").innerText();
      assertMatch(dead, /the newest 3 of 240 open/);
    },
  );
}

const CHECKS: Partial<Record<State, typeof cursorIsShared[]>> = {
  running: [linesStop, cursorIsShared, rangesChange, figuresAreThere, keyboardReaches],
  "a member killed": [killedIsShown],
  "the audit failed": [troubleIsShown],
};

Deno.test({ name: "dashboard: its page in every state", ignore: lacks(BROWSER) }, async (t) => {
  assertEquals(await bundlePage(), undefined);
  for (const state of STATES) {
    const analytics = serveFake(state);
    let closed = false;
    try {
      await using browser = await openPage(analytics.url);
      const { page, faults } = browser;
      await page.locator("#groups").waitFor();
      if (state === "the audit failed") await openChecks(page);
      await looksRight(t, page, state);
      for (const check of CHECKS[state] ?? []) await check({ page, t });
      if (state === "running" || state === "the audit failed") {
        await page.emulateMedia({ colorScheme: "dark", reducedMotion: "reduce" });
        await t.step(`${state}, dark, without motion`, async () => {
          await screenshot(page, `${state}-dark`);
          assertEquals(await axeViolations(page), []);
          assertEquals(await page.evaluate(() => document.getAnimations().length), 0);
        });
        await page.emulateMedia({ colorScheme: "light" });
      }
      assertEquals(faults, []);
      if (state !== "running") continue;
      closed = true;
      await analytics.close();
      await page.getByText("connection lost, retrying").waitFor();
      await looksRight(t, page, "disconnected");
      assert(faults.every((fault) => fault.includes("net::ERR_")), faults.join());
    } finally {
      if (!closed) await analytics.close();
    }
  }
});
