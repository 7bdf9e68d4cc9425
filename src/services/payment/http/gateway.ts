/** A payment provider that is called over HTTP; docs/payment-gateway.md has the contract. */
import { printable } from "../../../runtime/printable.ts";
import {
  type ChargeAnswer,
  type ChargeRequest,
  GatewayRefusal,
  GatewayTimeout,
  GatewayUnavailable,
  type PaymentGateway,
  type RefundAnswer,
  type RefundRequest,
} from "../gateway.ts";
import { ANSWERS, KEY_HEADER, type Operation, PATHS, quoteKey } from "./contract.ts";

/** The request was not carried out, and may be later: a time-out of the server's, too early, too many. */
const LATER = new Set([408, 425, 429]);
/** Whoever set this up is at fault, not an order: no such path or method, not allowed. */
const SET_UP = new Set([401, 403, 404, 405, 407]);
/** Another request with this key is at work, by the draft; or a proxy did not get the answer. */
const UNKNOWN = new Set([409, 504]);

const MAX_DETAIL = 200;

const text = new TextEncoder();

export class HttpGateway implements PaymentGateway, Disposable {
  readonly #client: Deno.HttpClient;
  readonly #urls: Readonly<Record<Operation, string>>;

  /**
   * @param url the provider's, to which the paths are added
   * @param maxInFlight the most calls at once; as many connections are kept open
   */
  constructor(private readonly url: string, maxInFlight: number) {
    this.#client = Deno.createHttpClient({ poolMaxIdlePerHost: maxInFlight });
    const base = url.replace(/\/$/, "");
    this.#urls = { charge: base + PATHS.charge, refund: base + PATHS.refund };
  }

  charge(
    { idempotencyKey, amountCents, currency }: ChargeRequest,
    signal?: AbortSignal,
  ): Promise<ChargeAnswer> {
    return this.#post("charge", idempotencyKey, { amountCents, currency }, signal);
  }

  refund(
    { idempotencyKey, paymentId, amountCents, currency }: RefundRequest,
    signal?: AbortSignal,
  ): Promise<RefundAnswer> {
    return this.#post("refund", idempotencyKey, { paymentId, amountCents, currency }, signal);
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  async #post<A>(
    operation: Operation,
    key: string,
    body: unknown,
    signal: AbortSignal | undefined,
  ): Promise<A> {
    const request: RequestInit & { client: Deno.HttpClient } = {
      method: "POST",
      headers: { "content-type": "application/json", [KEY_HEADER]: quoteKey(key) },
      // Bytes cost less than a text, here and at the server.
      body: text.encode(JSON.stringify(body)),
      redirect: "manual",
      signal: signal ?? null,
      client: this.#client,
    };
    let status: number;
    let said: string;
    try {
      const response = await fetch(this.#urls[operation], request);
      status = response.status;
      // Also of a failure: a body that is not read keeps its connection from the next call.
      said = await response.text();
    } catch (error) {
      throw this.#unanswered(error as Error, signal);
    }
    if (status < 200 || status > 299) throw this.#failureOf(status, said, key);
    const answer = parse(said);
    if (ANSWERS[operation].Check(answer)) return answer as A;
    throw new GatewayUnavailable(
      `${this.#urls[operation]} answers ${status} with something else than a ${operation}` +
        `${excerpt(said)}; is that the provider that GATEWAY_URL should name?`,
    );
  }

  #unanswered(error: Error, signal: AbortSignal | undefined): Error {
    if (signal?.aborted) {
      return new GatewayTimeout(`${this.url}: no answer in time (GATEWAY_TIMEOUT_MS)`);
    }
    const { message } = error.cause instanceof Error ? error.cause : error;
    const [, refused] = /client error \(Connect\): (.*)/s.exec(message) ?? [];
    // Without a connection nothing was asked; else nobody knows.
    return refused === undefined
      ? new GatewayTimeout(`${this.url}: no answer: ${message}`, { cause: error })
      : new GatewayUnavailable(
        `${this.url} cannot be reached: ${refused}; GATEWAY_URL names the provider, ` +
          "`deno task gateway` serves a simulated one",
        { cause: error },
      );
  }

  #failureOf(status: number, text: string, key: string): Error {
    const said = `${this.url} answers ${status}${excerpt(detailOf(text))}`;
    if (UNKNOWN.has(status)) return new GatewayTimeout(said);
    if (status >= 500 || LATER.has(status)) return new GatewayUnavailable(said);
    if (status < 400 || SET_UP.has(status)) {
      return new GatewayUnavailable(`${said}; is that the provider that GATEWAY_URL should name?`);
    }
    return new GatewayRefusal(`key ${JSON.stringify(key)}: ${said}`);
  }
}

/** What a body of problem details (RFC 9457) says; any other body as it is. */
function detailOf(text: string): string {
  const { detail, title } = (parse(text) ?? {}) as Record<string, unknown>;
  return [detail, title].find((one) => typeof one === "string") as string | undefined ?? text;
}

function excerpt(text: string): string {
  const line = printable(text.trim(), MAX_DETAIL);
  return line === "" ? "" : `: ${line}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
