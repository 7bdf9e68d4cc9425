/**
 * Server-sent events: one live snapshot a second to all browsers that are connected. A browser that has
 * the one before gets what changed; a new one, and one that could not keep up, get the newest as a
 * whole. There is no queue: a slow browser skips snapshots, one that takes nothing for long is dropped,
 * and without browsers no snapshot is made.
 */

const EVERY_MS = 1_000;
const MAX_CLIENTS = 64;
const DROP_AFTER_MS = 30_000;

interface Client {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  /** The number of the newest message that it was sent. */
  has: number;
  /** When it last took something, milliseconds of a clock that never goes back. */
  takenAtMs: number;
}

/** One snapshot, as lines of JSON. */
export interface Made {
  whole(): string;
  /** What a browser needs that has the one made before. */
  change(): string;
}

interface Message {
  readonly number: number;
  readonly id: string;
  whole(): Uint8Array;
  change(): Uint8Array;
  readonly madeAtMs: number;
}

export class Broadcaster {
  readonly #clients = new Set<Client>();
  readonly #encoder = new TextEncoder();
  readonly #run = crypto.randomUUID().slice(0, 8);
  readonly #timer: ReturnType<typeof setInterval>;
  #count = 0;
  #latest: Message | undefined;

  /** @param make the snapshot as it is now */
  constructor(private readonly make: () => Made) {
    this.#timer = setInterval(() => this.#tick(), EVERY_MS);
  }

  /** How many browsers are connected. */
  get clients(): number {
    return this.#clients.size;
  }

  /** Answers a browser that connects. */
  open(request: Request): Response {
    if (this.#clients.size >= MAX_CLIENTS) {
      return new Response(`${MAX_CLIENTS} browsers are connected already\n`, { status: 503 });
    }
    const lastId = request.headers.get("last-event-id");
    let client: Client;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        client = { controller, has: 0, takenAtMs: performance.now() };
        this.#clients.add(client);
        const message = this.#fresh();
        if (message.id === lastId) client.has = message.number;
        else this.#send(client, message);
      },
      cancel: () => void this.#clients.delete(client),
    });
    return new Response(body, {
      headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
    });
  }

  /** Ends all streams; the browsers will reconnect. */
  close(): void {
    clearInterval(this.#timer);
    for (const { controller } of this.#clients) controller.close();
    this.#clients.clear();
  }

  #tick(): void {
    if (this.#clients.size === 0) return;
    const message = this.#fresh();
    for (const client of this.#clients) this.#send(client, message);
  }

  /** The newest message; made anew unless it is of this second. */
  #fresh(): Message {
    const nowMs = performance.now();
    if (this.#latest && nowMs - this.#latest.madeAtMs < EVERY_MS / 2) return this.#latest;
    const number = ++this.#count;
    const id = `${this.#run}-${number}`;
    const made = this.make();
    // Encoded once, and only if a browser needs it.
    const encoded = (text: () => string) => {
      let bytes: Uint8Array | undefined;
      return () => bytes ??= this.#encoder.encode(`retry: 1000\nid: ${id}\ndata: ${text()}\n\n`);
    };
    const [whole, change] = [encoded(() => made.whole()), encoded(() => made.change())];
    return this.#latest = { number, id, whole, change, madeAtMs: nowMs };
  }

  #send(client: Client, { number, whole, change }: Message): void {
    const { controller } = client;
    if ((controller.desiredSize ?? 0) > 0) {
      client.takenAtMs = performance.now();
      controller.enqueue(client.has === number - 1 && client.has > 0 ? change() : whole());
      client.has = number;
    } else if (performance.now() - client.takenAtMs > DROP_AFTER_MS) {
      this.#clients.delete(client);
      controller.error(new Error("the browser has stopped reading"));
    }
  }
}
