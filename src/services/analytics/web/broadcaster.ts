/**
 * Server-sent events, one picture a second to all browsers that look. Each picture is whole, so that
 * one who could not keep up is given the newest and misses nothing, and one who comes back with
 * `Last-Event-ID` resumes with the newest there is. Nothing is queued for anybody: a slow browser is
 * passed over, one that takes nothing for long is dropped, and without browsers nothing is made.
 */

const EVERY_MS = 1_000;
const MAX_CLIENTS = 64;
const DROP_AFTER_MS = 30_000;

interface Client {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  /** When it last took something, milliseconds of a clock that never goes back. */
  takenAtMs: number;
}

interface Picture {
  readonly id: string;
  readonly bytes: Uint8Array;
  readonly madeAtMs: number;
}

export class Broadcaster {
  readonly #clients = new Set<Client>();
  readonly #encoder = new TextEncoder();
  readonly #run = crypto.randomUUID().slice(0, 8);
  readonly #timer: ReturnType<typeof setInterval>;
  #count = 0;
  #latest: Picture | undefined;

  /** @param make the picture as it is now, one line of JSON */
  constructor(private readonly make: () => string) {
    this.#timer = setInterval(() => this.#tick(), EVERY_MS);
  }

  /** How many browsers look. */
  get clients(): number {
    return this.#clients.size;
  }

  /** Answers a browser that wants to look from now on. */
  open(request: Request): Response {
    if (this.#clients.size >= MAX_CLIENTS) {
      return new Response(`${MAX_CLIENTS} browsers are looking already\n`, { status: 503 });
    }
    const seen = request.headers.get("last-event-id");
    let client: Client;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        client = { controller, takenAtMs: performance.now() };
        this.#clients.add(client);
        const picture = this.#fresh();
        if (picture.id !== seen) this.#send(client, picture);
      },
      cancel: () => void this.#clients.delete(client),
    });
    return new Response(body, {
      headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
    });
  }

  /** Ends all streams; the browsers will ask again. */
  close(): void {
    clearInterval(this.#timer);
    for (const { controller } of this.#clients) controller.close();
    this.#clients.clear();
  }

  #tick(): void {
    if (this.#clients.size === 0) return;
    const picture = this.#fresh();
    for (const client of this.#clients) this.#send(client, picture);
  }

  /** The newest picture; made anew unless it is of this second. */
  #fresh(): Picture {
    const nowMs = performance.now();
    if (this.#latest && nowMs - this.#latest.madeAtMs < EVERY_MS / 2) return this.#latest;
    const id = `${this.#run}-${++this.#count}`;
    const bytes = this.#encoder.encode(`retry: 1000\nid: ${id}\ndata: ${this.make()}\n\n`);
    return this.#latest = { id, bytes, madeAtMs: nowMs };
  }

  #send(client: Client, { bytes }: Picture): void {
    const { controller } = client;
    if ((controller.desiredSize ?? 0) > 0) {
      client.takenAtMs = performance.now();
      controller.enqueue(bytes);
    } else if (performance.now() - client.takenAtMs > DROP_AFTER_MS) {
      this.#clients.delete(client);
      controller.error(new Error("the browser takes nothing any more"));
    }
  }
}
