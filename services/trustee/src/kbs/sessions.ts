import { toHex } from '@holdfast/base';
import type { Clock, RandomBytes } from '@holdfast/base';

/** A guest between its request for a challenge and the end of its session. */
export interface Session {
  /** UUID version 4 without dashes. */
  readonly id: string;
  readonly tee: string;
  readonly nonce: string;
  /** Milliseconds since 1970; set when the challenge is made and never moved. */
  readonly expiresAt: number;
  readonly state: 'authed' | 'attested';
  readonly token: string | undefined;
  readonly failures: number;
}

export interface SessionsOptions {
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly lifetimeMs: number;
  readonly maxSessions: number;
}

/** Attempts with evidence that is refused before a challenge is worth nothing any more. */
export const MAX_FAILURES = 5;

/** Sessions of a broker, or of all replicas that share them. The oldest half-open one gives way when there are too many. */
export interface Sessions {
  open(tee: string, nonce: string): Promise<Session>;
  /** The session of this id, unless it is over. */
  find(id: string): Promise<Session | undefined>;
  /** The first evidence that holds ends the challenge: a session that another attempt completed keeps its token. */
  complete(session: Session, token: string): Promise<Session>;
  /** Counts an attempt that was refused. */
  fail(session: Session): Promise<void>;
  /** How many there are. */
  count(): Promise<number>;
  /** Forgets what is over. */
  sweep(): Promise<void>;
}

/** Sessions of this process. */
export class MemorySessions implements Sessions {
  readonly #sessions = new Map<string, Session>();
  readonly #options: SessionsOptions;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  async open(tee: string, nonce: string): Promise<Session> {
    this.#forgetOver();
    if (this.#sessions.size >= this.#options.maxSessions) this.#dropOldest();
    const session = newSession(tee, nonce, this.#options);
    this.#sessions.set(session.id, session);
    return session;
  }

  async find(id: string): Promise<Session | undefined> {
    return this.#current(id);
  }

  async complete(session: Session, token: string): Promise<Session> {
    const current = this.#current(session.id);
    if (current?.state === 'attested') return current;
    const attested: Session = { ...session, state: 'attested', token };
    if (current !== undefined) this.#sessions.set(session.id, attested);
    return attested;
  }

  async fail(session: Session): Promise<void> {
    const current = this.#current(session.id);
    if (current === undefined || current.state === 'attested') return;
    const failures = current.failures + 1;
    if (failures >= MAX_FAILURES) this.#sessions.delete(session.id);
    else this.#sessions.set(session.id, { ...current, failures });
  }

  async count(): Promise<number> {
    return this.#sessions.size;
  }

  async sweep(): Promise<void> {
    this.#forgetOver();
  }

  #current(id: string): Session | undefined {
    const session = this.#sessions.get(id);
    if (session === undefined) return undefined;
    if (session.expiresAt > this.#options.clock()) return session;
    this.#sessions.delete(id);
    return undefined;
  }

  /** Sessions open in order of their end, so the sweep stops at the first that lives. */
  #forgetOver(): void {
    const now = this.#options.clock();
    for (const [id, session] of this.#sessions) {
      if (session.expiresAt > now) return;
      this.#sessions.delete(id);
    }
  }

  #dropOldest(): void {
    for (const [id, session] of this.#sessions) {
      if (session.state !== 'authed') continue;
      this.#sessions.delete(id);
      return;
    }
    for (const id of this.#sessions.keys()) {
      this.#sessions.delete(id);
      return;
    }
  }
}

/** A half-open session that begins now. */
export function newSession(
  tee: string,
  nonce: string,
  { clock, random, lifetimeMs }: Pick<SessionsOptions, 'clock' | 'random' | 'lifetimeMs'>,
): Session {
  const expiresAt = clock() + lifetimeMs;
  return { id: newId(random), tee, nonce, expiresAt, state: 'authed', token: undefined, failures: 0 };
}

function newId(random: RandomBytes): string {
  const bytes = random(16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return toHex(bytes);
}
