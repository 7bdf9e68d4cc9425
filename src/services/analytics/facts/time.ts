/** Reads times; many come one after the other that are within one second, which is read once. */
export class TimeReader {
  /** The last one: `2026-01-02T12:00:00`. */
  #second = "";
  #secondMs = NaN;

  /**
   * Epoch milliseconds; NaN for a day that is none.
   *
   * @param time as the schemas have it: `2026-01-02T12:00:00.000Z`
   */
  msOf(time: string): number {
    if (this.#second === "" || !time.startsWith(this.#second)) this.#readSecond(time);
    return this.#secondMs + 100 * digitAt(time, 20) + 10 * digitAt(time, 21) + digitAt(time, 22);
  }

  #readSecond(time: string): void {
    // A copy: a part of a text keeps all of it.
    this.#second = Buffer.from(time.slice(0, 19), "latin1").toString("latin1");
    this.#secondMs = Date.parse(`${this.#second}.000Z`);
  }
}

function digitAt(text: string, at: number): number {
  return text.charCodeAt(at) - 48;
}
