/**
 * Latencies in a fixed number of buckets: 32 of one millisecond each, then each 3.9 % wider than the
 * one before, up to 30 days. A quantile is exact below 32 ms and at most 2 % off above; memory is the
 * same for ten orders and ten billion; counts add up, so that neither order nor grouping matters.
 */

/** Whole milliseconds below this have a bucket each. */
const EXACT_BELOW_MS = 32;
/** A bucket's middle is at most this far from anything in it; with room for rounding below 2 %. */
const RELATIVE_ERROR = 0.019;
const GROWTH = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR);
const LOG_GROWTH = Math.log(GROWTH);
/** What takes longer counts in the last bucket; only the maximum then says how long. */
const LARGEST_MS = 30 * 24 * 3_600_000;
const LAST_BUCKET = bucketOf(LARGEST_MS);

function bucketOf(ms: number): number {
  if (ms < EXACT_BELOW_MS) return ms;
  return EXACT_BELOW_MS + Math.floor(Math.log(ms / EXACT_BELOW_MS) / LOG_GROWTH);
}

/** The estimate for all latencies of a bucket: relatively as far from its lower as from its upper end. */
function middleMs(bucket: number): number {
  if (bucket < EXACT_BELOW_MS) return bucket;
  const lowerMs = EXACT_BELOW_MS * GROWTH ** (bucket - EXACT_BELOW_MS);
  return 2 * lowerMs * GROWTH / (1 + GROWTH);
}

export class LatencyHistogram {
  // Doubles count exactly up to 2⁵³; 32 bits would end at four billion.
  readonly #counts = new Float64Array(LAST_BUCKET + 1);
  #count = 0;
  #sumMs = 0;
  #maxMs = 0;

  /** How many latencies were added. */
  get count(): number {
    return this.#count;
  }

  /** All latencies together, in whole milliseconds each. */
  get sumMs(): number {
    return this.#sumMs;
  }

  /** The longest, exactly; 0 when empty. */
  get maxMs(): number {
    return this.#maxMs;
  }

  /** Adds one latency, taken as whole milliseconds; a negative one, or none at all (NaN), as 0. */
  add(ms: number): void {
    const whole = ms > 0 ? Math.round(ms) : 0;
    this.#counts[Math.min(bucketOf(whole), LAST_BUCKET)]!++;
    this.#count++;
    this.#sumMs += whole;
    if (whole > this.#maxMs) this.#maxMs = whole;
  }

  /** Adds all that `other` has counted. */
  merge(other: LatencyHistogram): void {
    for (let i = 0; i <= LAST_BUCKET; i++) this.#counts[i]! += other.#counts[i]!;
    this.#count += other.#count;
    this.#sumMs += other.#sumMs;
    this.#maxMs = Math.max(this.#maxMs, other.#maxMs);
  }

  clear(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#sumMs = 0;
    this.#maxMs = 0;
  }

  /** How many were at most as long as each of `limitsMs`; what is 2 % from a limit may count wrongly. */
  atMost(limitsMs: readonly number[]): number[] {
    const counts = limitsMs.map(() => 0);
    for (let bucket = 0; bucket <= LAST_BUCKET; bucket++) {
      const count = this.#counts[bucket]!;
      if (count === 0) continue;
      const ms = middleMs(bucket);
      for (const [i, limitMs] of limitsMs.entries()) if (ms <= limitMs) counts[i]! += count;
    }
    return counts;
  }

  /**
   * The latency, in milliseconds, that a share `q` of all did not exceed (nearest rank); 0 when empty.
   *
   * @param q from 0 to 1, such as 0.99
   */
  quantile(q: number): number {
    const rank = Math.max(1, Math.ceil(q * this.#count));
    let below = 0;
    for (let bucket = 0; bucket <= LAST_BUCKET; bucket++) {
      below += this.#counts[bucket]!;
      if (below >= rank) return Math.min(middleMs(bucket), this.#maxMs);
    }
    return 0;
  }
}
