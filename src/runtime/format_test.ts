import { assertEquals } from "@std/assert";
import {
  formatBrief,
  formatBriefDuration,
  formatBriefMoney,
  formatCount,
  formatDuration,
  formatMoney,
  formatRate,
  formatShare,
  NOTHING,
  plural,
  utcTimeOfDay,
} from "./format.ts";

Deno.test("formatMoney: cents as an amount; what is not whole cents as it is", () => {
  const cases: [number | bigint, string][] = [
    [0, "0.00 EUR"],
    [5, "0.05 EUR"],
    [-5, "-0.05 EUR"],
    [123456, "1,234.56 EUR"],
    [-123456, "-1,234.56 EUR"],
    [90071992547409930n, "900,719,925,474,099.30 EUR"],
    [0.5, "0.5 cents EUR"],
    [1e300, "1e+300 cents EUR"],
  ];
  for (const [cents, expected] of cases) assertEquals(formatMoney(cents, "EUR"), expected);
});

const CASES: readonly [text: string, expected: string][] = [
  [formatCount(12_345), "12,345"],
  [formatBrief(9_999), "9,999"],
  [formatBrief(123_456), "123K"],
  [formatBrief(12_345), "12.3K"],
  [formatBriefMoney(123_456), "1,235"],
  [formatBriefMoney(123_456_789), "1.23M"],
  [plural(1, "member"), "1 member"],
  [plural(1_200, "member"), "1,200 members"],
  [formatRate(undefined), NOTHING],
  [formatRate(2.34), "2.3/s"],
  [formatRate(1_234.5), "1,235/s"],
  [formatRate(12_345), "12.3K/s"],
  [formatShare(1, 8), "12.5 %"],
  [formatShare(0, 0), NOTHING],
  [formatDuration(null), NOTHING],
  [formatDuration(87.4), "87 ms"],
  [formatDuration(1_234), "1.2 s"],
  [formatDuration(99_400), "99 s"],
  [formatDuration(-5), "0 s"],
  [formatDuration(0), "0 s"],
  [formatDuration(999.6), "1 s"],
  [formatDuration(2_000), "2 s"],
  [formatDuration(9_960), "10 s"],
  [formatDuration(120_000), "2 min"],
  [formatDuration(200_000), "3 min 20 s"],
  [formatDuration(3_599_900), "1 h"],
  [formatDuration(9_000_000), "2 h 30 min"],
  [formatDuration(3 * 86_400_000), "3 days"],
  [formatDuration(3.25 * 86_400_000), "3 days 6 h"],
  [formatBriefDuration(400), "400 ms"],
  [formatBriefDuration(9_500), "9.5 s"],
  [formatBriefDuration(139_000), "2 min"],
  [formatBriefDuration(9_000_000), "2 h"],
  [utcTimeOfDay("2026-01-02T22:34:10.999Z"), "22:34:10"],
];
Deno.test("formats: always with their unit, and short", () => {
  for (const [text, expected] of CASES) assertEquals(text, expected);
});
