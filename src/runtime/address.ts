/** Addresses as people write them: `host:port`, an IPv6 address in brackets. */
import { isIPv6 } from "node:net";

export interface Address {
  /** A name or an IP address, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port` or `[IPv6]:port`; undefined when it is neither. */
export function parseAddress(text: string): Address | undefined {
  const [, ipv6, name, digits] = /^(?:\[([^\]]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (!(port > 0 && port < 65_536) || ipv6 !== undefined && !isIPv6(ipv6)) return undefined;
  return { host: (ipv6 ?? name)!, port };
}

/** The inverse of `parseAddress`; also what stands between `http://` and the path. */
export function formatAddress({ host, port }: Address): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
