import { assertEquals } from "@std/assert";
import { formatMoney } from "./money.ts";

Deno.test("money: cents as an amount; what is not whole cents as it is", () => {
  const cases: [number | bigint, string][] = [
    [0, "0.00 EUR"],
    [5, "0.05 EUR"],
    [-5, "-0.05 EUR"],
    [123456, "1234.56 EUR"],
    [90071992547409930n, "900719925474099.30 EUR"],
    [0.5, "0.5 cents EUR"],
    [1e300, "1e+300 cents EUR"],
  ];
  for (const [cents, expected] of cases) assertEquals(formatMoney(cents, "EUR"), expected);
});
