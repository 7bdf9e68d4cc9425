/** An amount for people: `59.97 EUR`. What is not whole cents is shown as it is. */
export function formatMoney(cents: number | bigint, currency: string): string {
  if (typeof cents === "number" && !Number.isSafeInteger(cents)) {
    return `${cents} cents ${currency}`;
  }
  const digits = String(cents).replace(/^-/, "").padStart(3, "0");
  return `${cents < 0 ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)} ${currency}`;
}
