import { assertEquals } from "@std/assert";
import { formatMoney, formatShortMoney } from "./money.ts";

Deno.test("formatMoney: cents as an amount; what is not whole cents as it is", () => {
  const cases: [number | bigint, string][] = [
    [0, "0.00 EUR"],
    [5, "0.05 EUR"],
    [-5, "-0.05 EUR"],
    [123456, "1,234.56 EUR"],
    [90071992547409930n, "900,719,925,474,099.30 EUR"],
    [0.5, "0.5 cents EUR"],
    [1e300, "1e+300 cents EUR"],
  ];
  for (const [cents, expected] of cases) assertEquals(formatMoney(cents, "EUR"), expected);
});

Deno.test("formatShortMoney: whole units, and few digits of large amounts", () => {
  const cases: [number, string, string][] = [
    [123_456, "EUR", "1,235 EUR"],
    [123_456_789, "EUR", "1.23M EUR"],
    [0, "", "0"],
  ];
  for (const [cents, currency, expected] of cases) {
    assertEquals(formatShortMoney(cents, currency), expected);
  }
});
