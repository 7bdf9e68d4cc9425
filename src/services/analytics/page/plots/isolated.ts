/** Which values have none beside them: a line would not show them. Pure. */
export function isolated(values: ArrayLike<number | null | undefined>): number[] {
  const has = (index: number) => typeof values[index] === "number";
  return Array.from({ length: values.length }, (_, index) => index)
    .filter((index) => has(index) && !has(index - 1) && !has(index + 1));
}
