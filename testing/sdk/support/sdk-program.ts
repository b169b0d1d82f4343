import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

import type { SdkInstallation } from './install.ts';

/** What an SDK needs to speak for one participant. */
export interface SdkClient {
  /** Base URL of the operator, without a trailing slash. */
  readonly url: string;
  readonly apiKey: string;
  readonly secret: string;
}

export type IdentityKind = 'email' | 'phone' | 'email_hash' | 'phone_hash';
export type KeyClientKind = 'bidstream' | 'sharing' | 'legacy';

export interface SdkIdentity {
  readonly advertisingToken: string;
  readonly refreshToken: string;
  readonly refreshable: boolean;
  /** The identity as the SDK saves it; refreshing starts from this text. */
  readonly json: string;
}

export type SdkTokenOutcome =
  | { readonly status: 'success'; readonly identity: SdkIdentity }
  | { readonly status: 'optout' };

export interface SdkDecryption {
  readonly status: string;
  readonly rawUid: string | null;
  readonly siteId: number | null;
  readonly identityType: string | null;
  readonly tokenVersion: number | null;
  readonly establishedMs: number | null;
  readonly expiryMs: number | null;
  /** Only the Java SDK's answer is reported. */
  readonly clientSideGenerated?: boolean;
}

/** The operations that the SDK programs understand: arguments in, result out. */
export interface SdkOperations {
  generateToken: [
    { readonly kind: IdentityKind; readonly value: string; readonly consent?: string; readonly raw?: boolean },
    SdkTokenOutcome,
  ];
  refreshToken: [{ readonly identity: string }, SdkTokenOutcome];
  mapV2: [
    { readonly kind: IdentityKind; readonly values: readonly string[] },
    {
      readonly mapped: Readonly<Record<string, { readonly rawUid: string; readonly bucketId: string }>>;
      readonly unmapped: Readonly<Record<string, string>>;
    },
  ];
  mapV3: [
    Readonly<Partial<Record<IdentityKind, readonly string[]>>>,
    {
      readonly mapped: Readonly<
        Record<
          string,
          { readonly rawUid: string; readonly previousRawUid: string | null; readonly refreshFromMs: number }
        >
      >;
      readonly unmapped: Readonly<Record<string, { readonly reason: string; readonly rawReason: string }>>;
    },
  ];
  identityBuckets: [
    { readonly sinceMs: number },
    readonly { readonly bucketId: string; readonly lastUpdated: string }[],
  ];
  refreshKeys: [{ readonly kind: KeyClientKind }, { readonly success: boolean; readonly reason?: string | null }];
  decrypt: [{ readonly kind: KeyClientKind; readonly token: string; readonly domain?: string }, SdkDecryption];
  encrypt: [
    { readonly kind: 'sharing' | 'legacy'; readonly rawUid: string },
    { readonly status: string; readonly token: string | null },
  ];
}

/** What an SDK raised or threw. */
export class SdkFailure extends Error {
  override readonly name = 'SdkFailure';
  readonly type: string;
  /** Only the Python SDK lets its caller see the answer. */
  readonly httpStatus: number | undefined;
  readonly body: string | undefined;

  constructor(failure: { type: string; message: string; httpStatus?: number; body?: string }) {
    super(failure.message);
    this.type = failure.type;
    this.httpStatus = failure.httpStatus;
    this.body = failure.body;
  }
}

interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: {
    readonly type: string;
    readonly message: string;
    readonly httpStatus?: number;
    readonly body?: string;
  };
}

const CALL_DEADLINE_MS = 45_000;

/** A running program that drives one official SDK; see sdk_program.py for the line protocol. */
export class SdkProgram {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #complaints = '';
  #nextId = 1;

  constructor(installation: SdkInstallation) {
    if ('missing' in installation) throw new Error(`not on this machine: ${installation.missing}`);
    this.#child = spawn(installation.command, installation.args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#complaints += chunk.toString();
    });
    this.#child.stdin.on('error', () => undefined); // the end of the program is reported once, below
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#settle(line));
    this.#child.once('error', (error) => this.#end(String(error)));
    this.#child.once('close', (code) => this.#end(`it ended with ${code}`));
  }

  /** @throws SdkFailure when the SDK raised or threw */
  async call<Name extends keyof SdkOperations>(
    operation: Name,
    client: SdkClient,
    args: SdkOperations[Name][0],
  ): Promise<SdkOperations[Name][1]> {
    const id = this.#nextId++;
    const reply = Promise.withResolvers<unknown>();
    this.#waiting.set(id, reply);
    this.#child.stdin.write(`${JSON.stringify({ id, operation, client, arguments: args })}\n`);
    const timer = setTimeout(
      () => reply.reject(new Error(`${operation} was not answered in time:\n${this.#complaints}`)),
      CALL_DEADLINE_MS,
    );
    try {
      return (await reply.promise) as SdkOperations[Name][1];
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  stop(): void {
    this.#child.stdin.end();
    this.#child.kill();
  }

  #settle(line: string): void {
    const { id, result, error } = JSON.parse(line) as Reply;
    const waiting = this.#waiting.get(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new SdkFailure(error));
  }

  #end(how: string): void {
    const error = new Error(`the SDK program is gone, ${how}:\n${this.#complaints}`);
    for (const waiting of this.#waiting.values()) waiting.reject(error);
  }
}
