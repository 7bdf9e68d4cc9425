/** Zipf's law: the thing of rank r is drawn in proportion to 1 / r^exponent. */

/**
 * @param count of things, at least 1
 * @param exponent 0 draws all alike; 1 is Zipf's own; the larger, the more the first ones are drawn
 * @returns turns a number from 0 (inclusive) to 1 (exclusive) into an index from 0 to `count` - 1
 */
export function createZipf(count: number, exponent: number): (u: number) => number {
  const upTo = new Float64Array(count);
  let sum = 0;
  for (let i = 0; i < count; i++) upTo[i] = sum += (i + 1) ** -exponent;
  return (u) => {
    const wanted = u * sum;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (upTo[middle]! > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
