import { assertEquals } from "@std/assert";
import { BROWSER, openPage } from "./support/browser.ts";
import { lacks } from "../testing/skips.ts";

const PAGE = `<p>shown</p><script>
  document.querySelector("p").append(" and run, in ", Intl.getCanonicalLocales(navigator.language));
  console.error("a fault");
</script>`;

Deno.test({
  name: "openPage: a page's text is shown, its script is run, its faults are noted",
  ignore: lacks(BROWSER),
}, async () => {
  await using browser = await openPage(`data:text/html,${encodeURIComponent(PAGE)}`);
  const { page, faults } = browser;
  // Empty where there is no font.
  assertEquals(await page.locator("p").innerText(), "shown and run, in en-US");
  assertEquals(faults, ["a fault"]);
});
