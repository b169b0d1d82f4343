import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createSimulatedPlatform, generateSimulatedPlatformKeys } from '@holdfast/attestation';
import type { SimulatedPlatform } from '@holdfast/attestation';

import { buildVirtualNodeApp } from '../src/virtual-node/api.ts';
import type { Container } from '../src/virtual-node/container.ts';
import type { Pod } from '../src/virtual-node/pod.ts';
import { VirtualNode } from '../src/virtual-node/virtual-node.ts';
import type { NodeListener, NodeTermination, VirtualNodeOptions } from '../src/virtual-node/virtual-node.ts';
import { scriptImage } from './script-image.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { waitFor } from './wait-for.ts';

/** The identity that a test node has, and where its endpoint would be. */
export const KNOWN_IDENTITY = '/subscriptions/s/userAssignedIdentities/known';
export const IDENTITY_URL = 'http://127.0.0.1:1/identity';

/** The script of a container that stays. */
export const WAIT = 'setInterval(() => {}, 1000)';

/** Shorter than the time a test has, so that it is this that fails, with a message. */
const DEADLINE_MS = 50_000;

export type TestNodeOptions = Pick<VirtualNodeOptions, 'manifest'> & Partial<VirtualNodeOptions>;

/** Why a pod was not started. */
export interface Refusal {
  readonly headline: string;
  /** What the guest told the host. */
  readonly told: string;
  readonly started: boolean;
}

let platform: Promise<SimulatedPlatform> | undefined;

/** One platform for all nodes of a process: its keys take long to make. */
export function sharedPlatform(): Promise<SimulatedPlatform> {
  return (platform ??= generateSimulatedPlatformKeys({ rsaModulusLength: 2048 }).then((keys) =>
    createSimulatedPlatform({ random: randomBytes, now: Date.now, keys }),
  ));
}

/** A virtual node for one pod, in a folder that is gone at the end of the block: `await using running = …`. */
export class TestNode implements AsyncDisposable {
  readonly node: VirtualNode;
  readonly folder: string;
  readonly #removeFolder: () => PromiseLike<void>;

  private constructor(node: VirtualNode, folder: string, removeFolder: () => PromiseLike<void>) {
    this.node = node;
    this.folder = folder;
    this.#removeFolder = removeFolder;
  }

  /** A node that has `script:1` and `KNOWN_IDENTITY`, unless told otherwise, and is not started. */
  static async create(options: TestNodeOptions): Promise<TestNode> {
    const folder = await temporaryFolder();
    const node = new VirtualNode({
      images: [await scriptImage()],
      unpackedImagesFolder: join(folder.path, 'images'),
      platformVariables: {},
      platform: await sharedPlatform(),
      guest: { debug: false },
      podsFolder: join(folder.path, 'pods'),
      logsFolder: join(folder.path, 'logs'),
      nodeVariables: {},
      openIdentityEndpoint: (id) =>
        Promise.resolve(id === KNOWN_IDENTITY ? { url: IDENTITY_URL, stop: () => Promise.resolve() } : undefined),
      clock: Date.now,
      backOff: { initialMs: 1, maxMs: 1, resetAfterMs: 600_000 },
      ...options,
    });
    return new TestNode(node, folder.path, () => folder[Symbol.asyncDispose]());
  }

  static async start(options: TestNodeOptions): Promise<TestNode> {
    const created = await TestNode.create(options);
    await created.node.start();
    return created;
  }

  get pod(): Pod {
    const [pod] = this.node.pods;
    if (pod === undefined) throw new Error('the node has no pod');
    return pod;
  }

  get app(): Container {
    const app = this.pod.container('app');
    if (app === undefined) throw new Error(`there is no container app: ${this.#describe()}`);
    return app;
  }

  refusal(): Refusal {
    const events = this.node.events();
    return {
      headline: this.pod.failure?.message ?? '',
      told: events.find(({ reason }) => reason === 'Failed')?.message ?? '',
      started: this.pod.container('app') !== undefined || events.some(({ reason }) => reason === 'Started'),
    };
  }

  /** Waits for something that the programs of containers bring about; fails with the events when it stays away. */
  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    await waitFor(condition, DEADLINE_MS, () => `${String(condition)}\n${this.#describe()}`, 5);
  }

  /** Waits until the program of the container `app` runs. */
  async running(): Promise<number> {
    await this.until(() => this.app.pid !== undefined);
    return this.app.pid ?? 0;
  }

  /** The next end of a container. Asked for before the node is started, so that none is missed. */
  termination(): Promise<NodeTermination> {
    return this.#next((change) => (change.kind === 'terminated' ? change.termination : undefined));
  }

  /** Resolves once the pod becomes ready. */
  async ready(): Promise<void> {
    await this.#next((change) => (change.kind === 'ready' ? change.pod : undefined));
  }

  /** The message of the next event with this reason. */
  event(reason: string): Promise<string> {
    return this.#next((change) =>
      change.kind === 'event' && change.event.reason === reason ? change.event.message : undefined,
    );
  }

  /** What the container `app` has printed. */
  log(): Promise<string> {
    return readFile(join(this.folder, 'logs', this.pod.name, 'app.log'), 'utf8');
  }

  /** What the container `app` has printed, once `text` is in it. */
  async logWith(text: string): Promise<string> {
    let log = '';
    await this.until(async () => {
      log = await this.log().catch(() => '');
      return log.includes(text);
    });
    return log;
  }

  /** Asks the node's API to run a command beside the container `app`. */
  async exec(command: unknown): Promise<{ readonly statusCode: number; readonly body: string }> {
    await using app = buildVirtualNodeApp(this.node);
    const url = `/pods/${this.pod.name}/containers/app/exec`;
    const { statusCode, body } = await app.inject({ method: 'POST', url, payload: JSON.stringify({ command }) });
    return { statusCode, body };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node.stop(200);
    await this.#removeFolder();
  }

  #next<T>(pick: (change: Parameters<NodeListener>[0]) => T | undefined): Promise<T> {
    const told = new Promise<T>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`not told within ${DEADLINE_MS} ms: ${this.#describe()}`)),
        DEADLINE_MS,
      );
      const stop = this.node.subscribe((change) => {
        const picked = pick(change);
        if (picked === undefined) return;
        clearTimeout(timer);
        stop();
        resolve(picked);
      });
    });
    told.catch(() => {}); // a test that failed before it waited for this has said why already
    return told;
  }

  #describe(): string {
    return this.node
      .events()
      .map(({ reason, message }) => `${reason}: ${message}`)
      .join('\n');
  }
}
