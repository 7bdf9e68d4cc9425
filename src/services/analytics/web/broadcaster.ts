/**
 * Server-sent events: one live snapshot a second to all browsers that are connected. Each snapshot is
 * whole: a browser that could not keep up gets the newest and misses nothing, and one that comes back
 * with `Last-Event-ID` goes on with the newest. There is no queue: a slow browser skips snapshots, one
 * that takes nothing for long is dropped, and without browsers no snapshot is made.
 */

const EVERY_MS = 1_000;
const MAX_CLIENTS = 64;
const DROP_AFTER_MS = 30_000;

interface Client {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  /** When it last took something, milliseconds of a clock that never goes back. */
  takenAtMs: number;
}

interface Message {
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
  #latest: Message | undefined;

  /** @param make the snapshot as it is now, one line of JSON */
  constructor(private readonly make: () => string) {
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
        client = { controller, takenAtMs: performance.now() };
        this.#clients.add(client);
        const message = this.#fresh();
        if (message.id !== lastId) this.#send(client, message);
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
    const id = `${this.#run}-${++this.#count}`;
    const bytes = this.#encoder.encode(`retry: 1000\nid: ${id}\ndata: ${this.make()}\n\n`);
    return this.#latest = { id, bytes, madeAtMs: nowMs };
  }

  #send(client: Client, { bytes }: Message): void {
    const { controller } = client;
    if ((controller.desiredSize ?? 0) > 0) {
      client.takenAtMs = performance.now();
      controller.enqueue(bytes);
    } else if (performance.now() - client.takenAtMs > DROP_AFTER_MS) {
      this.#clients.delete(client);
      controller.error(new Error("the browser has stopped reading"));
    }
  }
}
