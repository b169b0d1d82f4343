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
const MAX_FAILURES = 5;

/** Sessions of this process. The oldest half-open one gives way when there are too many. */
export class Sessions {
  readonly #sessions = new Map<string, Session>();
  readonly #options: SessionsOptions;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sessions.size;
  }

  open(tee: string, nonce: string): Session {
    const { clock, lifetimeMs, maxSessions } = this.#options;
    this.sweep();
    if (this.#sessions.size >= maxSessions) this.#dropOldest();
    const session: Session = {
      id: this.#newId(),
      tee,
      nonce,
      expiresAt: clock() + lifetimeMs,
      state: 'authed',
      token: undefined,
      failures: 0,
    };
    this.#sessions.set(session.id, session);
    return session;
  }

  /** The session of this id, unless it is over. */
  find(id: string): Session | undefined {
    const session = this.#sessions.get(id);
    if (session === undefined) return undefined;
    if (session.expiresAt > this.#options.clock()) return session;
    this.#sessions.delete(id);
    return undefined;
  }

  /** The first evidence that holds ends the challenge: a session that another attempt completed keeps its token. */
  complete(session: Session, token: string): Session {
    const current = this.find(session.id);
    if (current?.state === 'attested') return current;
    const attested: Session = { ...session, state: 'attested', token };
    if (current !== undefined) this.#sessions.set(session.id, attested);
    return attested;
  }

  fail(session: Session): void {
    const current = this.find(session.id);
    if (current === undefined || current.state === 'attested') return;
    const failures = current.failures + 1;
    if (failures >= MAX_FAILURES) this.#sessions.delete(session.id);
    else this.#sessions.set(session.id, { ...current, failures });
  }

  /** Sessions open in order of their end, so the sweep stops at the first that lives. */
  sweep(): void {
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

  #newId(): string {
    const bytes = this.#options.random(16);
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    return toHex(bytes);
  }
}
