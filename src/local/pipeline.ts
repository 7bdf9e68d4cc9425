/**
 * The services as child processes, supervised: a member that dies is started again, a service is
 * scaled by starting and stopping members. What `deno task demo`, the end-to-end tests and the bench
 * have in common.
 */
import { Failure } from "../runtime/errors.ts";
import type { Service } from "../topology.ts";
import { lastLines } from "./kafka/shell.ts";
import { MAX_SHORT_LIVES, supervise } from "./supervise.ts";
import { PROJECT, startTask, type TaskProcess } from "./task.ts";

interface PipelineOptions {
  /** Where each member's log goes: `<directory>/logs/<member>.log`. */
  readonly directory: string;
  /** The settings of all members, as environment variables. */
  readonly env: Readonly<Record<string, string>>;
  /** Gets one line whenever a member has started, died or been started again. */
  readonly onNotice: (line: string) => void;
  /** Whose services these are (default: this project's). */
  readonly project?: URL;
}

/** How long a member may take to drain before it is killed. */
const STOP_LIMIT_MS = 20_000;
const RESTART_PAUSE_MS = 500;

interface Member {
  readonly service: Service;
  readonly name: string;
  process: TaskProcess;
  stopping: boolean;
}

export class Pipeline {
  readonly #members: Member[] = [];
  #failure: Error | undefined;
  #stopping = false;

  constructor(private readonly options: PipelineOptions) {
    Deno.mkdirSync(`${options.directory}/logs`, { recursive: true });
  }

  /** @throws {Failure} a member keeps dying right after its start */
  throwIfFailed(): void {
    if (this.#failure) throw this.#failure;
  }

  /** The processes of a service that run now, the oldest first. */
  members(service: Service): TaskProcess[] {
    return this.#members.filter((m) => m.service === service && !m.stopping).map((m) => m.process);
  }

  /** Starts or stops members until `service` has `replicas`; resolves when the stopped ones ended. */
  async scale(service: Service, replicas: number): Promise<void> {
    const current = this.#members.filter((m) => m.service === service && !m.stopping);
    for (let n = current.length; n < replicas; n++) this.#start(service);
    await Promise.all(current.slice(replicas).map((member) => this.#stop(member)));
  }

  /** Stops all members; each finishes what is in flight. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#members.map((member) => this.#stop(member)));
  }

  #start(service: Service): void {
    const taken = new Set(this.#members.filter((m) => !m.stopping).map((m) => m.name));
    let number = 1;
    while (taken.has(`${service}-${number}`)) number++;
    const name = `${service}-${number}`;
    const member: Member = { service, name, process: this.#spawn(service, name), stopping: false };
    this.#members.push(member);
    this.options.onNotice(`${name} started, process ${member.process.pid}`);
    void this.#supervise(member);
  }

  #spawn(service: Service, name: string): TaskProcess {
    const { env, project = PROJECT } = this.options;
    return startTask({ task: service, name, env, logFile: this.logFile(name), project });
  }

  logFile(name: string): string {
    return `${this.options.directory}/logs/${name}.log`;
  }

  async #supervise(member: Member): Promise<void> {
    const stopping = () => member.stopping || this.#stopping;
    await supervise({
      name: member.name,
      ended: () => member.process.status,
      start: () => (member.process = this.#spawn(member.service, member.name)).pid,
      stopping,
    }, { pauseMs: RESTART_PAUSE_MS, onNotice: this.options.onNotice });
    if (stopping()) return;
    this.#failure = new Failure(
      `${member.name} ended ${MAX_SHORT_LIVES} times right after its start; the last lines of ` +
        `${this.logFile(member.name)}:\n${lastLogLines(this.logFile(member.name))}`,
    );
  }

  async #stop(member: Member): Promise<void> {
    member.stopping = true;
    // A frozen process would not notice SIGTERM.
    member.process.signal("SIGCONT");
    await member.process.stop(STOP_LIMIT_MS);
    const index = this.#members.indexOf(member);
    if (index >= 0) this.#members.splice(index, 1);
  }
}

function lastLogLines(file: string): string {
  try {
    return lastLines(Deno.readTextFileSync(file), 10);
  } catch {
    return "(no log)";
  }
}
