/** Amounts of money for people. Pure. */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

/** `1,234.56 EUR`. What is not whole cents is shown as it is. */
export function formatMoney(cents: number | bigint, currency: string): string {
  if (typeof cents === "number" && !Number.isSafeInteger(cents)) {
    return `${cents} cents ${currency}`;
  }
  const digits = String(cents).replace(/^-/, "").padStart(3, "0");
  const units = digits.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, ",");
  return `${cents < 0 ? "-" : ""}${units}.${digits.slice(-2)} ${currency}`;
}

/** `1,234 EUR`, from 100,000 on `1.23M EUR`; without a currency the bare amount. */
export function formatShortMoney(cents: number, currency: string): string {
  const amount = cents / 100;
  const text = amount < 100_000 ? whole.format(amount) : short.format(amount);
  return `${text} ${currency}`.trim();
}
