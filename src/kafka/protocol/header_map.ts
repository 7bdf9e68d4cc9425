/**
 * A record's headers by name. It inherits nothing, since "constructor" may be a header's name, and is
 * several times faster than `Object.create(null)`, which V8 keeps as a hash table.
 */
export class HeaderMap<Value> {
  [name: string]: Value;

  static {
    Object.setPrototypeOf(this.prototype, null);
    Reflect.deleteProperty(this.prototype, "constructor");
  }
}

export type RawHeaders = Readonly<Record<string, { toString(): string } | null | undefined>>;

/** What is not UTF-8 is replaced; several of one name are joined by commas. */
export function headersAsText(headers: RawHeaders | undefined): HeaderMap<string> {
  const text = new HeaderMap<string>();
  for (const name in headers) text[name] = headers[name]?.toString() ?? "";
  return text;
}
