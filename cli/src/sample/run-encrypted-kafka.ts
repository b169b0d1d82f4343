import { createPublicKey } from 'node:crypto';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

import type { VaultKey } from '@holdfast/azure';
import { DependencyError, PlatformError } from '@holdfast/base';
import { prepareTopic } from '@holdfast/encrypted-kafka';
import { HttpClient } from '@holdfast/http';
import { buildLocalImages, homeLayout, imageFolders, kafkaSampleImages, startLocalCloud } from '@holdfast/local';
import type { LocalCloud, LocalImage, ProgressEvent, RunningPod } from '@holdfast/local';

import type { EncryptedKafkaFlags } from '../commands/sample.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { connectVault } from '../key/connection.ts';
import { hostOf, readPolicyFlags } from '../key/release-policy-input.ts';
import { progressPrinter, seconds } from '../up/progress.ts';
import type { StopRequests } from '../up/run-up.ts';
import { ConsumerWatch } from './consumer-watch.ts';
import { asOrdinaryPod, consumerPod, manifestOf, policyDigest, producerPod, withPolicy } from './pods.ts';
import { runStory } from './run-story.ts';
import type { Story } from './run-story.ts';
import { Steps } from './steps.ts';
import { tamperedRun } from './tampering.ts';
import type { PodRun } from './tampering.ts';

const KEY_NAME = 'kafka-encryption-demo';
const PARTITIONS = 3;
const RSA_BITS = 3072;
const OPERATIONS = ['wrapKey', 'unwrapKey', 'encrypt', 'decrypt'];
/** The sample needs nothing of the UID2 world that a home folder holds; a small one is made fast. */
const SALTS = 16;
/** With --check messages come in quick succession instead of as the guide has them. */
const QUICK_BURSTS = {
  RATE: '12',
  RATEDEVIATION: '0',
  SENDDURATION: '2',
  SENDDURATIONDEVIATION: '0',
  RESTDURATION: '1',
  RESTDURATIONDEVIATION: '0',
};

/** `holdfast sample encrypted-kafka`: the whole story on this machine, against a real Kafka. */
export async function runEncryptedKafka(context: CliContext, flags: EncryptedKafkaFlags): Promise<void> {
  const { io } = context;
  await runStory(context, flags, (stop) => new KafkaStory(io, flags, stop));
}

class KafkaStory implements Story {
  readonly #io: CliIo;
  readonly #flags: EncryptedKafkaFlags;
  readonly #stop: StopRequests;
  readonly #print: (event: ProgressEvent) => void;
  readonly #client = new HttpClient();
  readonly #watch: ConsumerWatch;
  readonly #steps: Steps;
  #cloud: LocalCloud | undefined;

  constructor(io: CliIo, flags: EncryptedKafkaFlags, stop: StopRequests) {
    this.#io = io;
    this.#flags = flags;
    this.#stop = stop;
    this.#print = flags.json ? () => undefined : progressPrinter(io);
    this.#steps = new Steps(this.#print, stop.signal);
    this.#watch = new ConsumerWatch({ client: this.#client, pageUrl: this.#pageUrl, signal: stop.signal });
  }

  async tell(): Promise<void> {
    const { kafka, topic, tamper, outsideTee, check } = this.#flags;
    const partitions = await this.#step(
      'Kafka topic',
      () => prepareTopic(kafka, topic, PARTITIONS),
      (count) => `${topic} at ${kafka}, ${count} partitions`,
    );
    const cloud = await this.#startCloud();
    const images = await this.#step(
      'images of the pods',
      () => buildLocalImages(imageFolders(this.#io.env), kafkaSampleImages),
      (built) => `${built.length} images`,
    );
    const { pod: honest, policy } = await this.#consumerPod(cloud, images);
    const key = await this.#step(
      'key',
      () => this.#createKey(cloud, policyDigest(policy)),
      () => `${KEY_NAME}, for policy digest ${policyDigest(policy).slice(0, 16)}…`,
    );
    const run = await this.#consumerRun({ pod: honest, images }, policy);
    if (!outsideTee && tamper !== undefined && tamper !== 'policy') {
      await this.#showDenial(cloud, run);
      return;
    }
    const consumer = await this.#step(
      'consumer pod',
      async () => {
        const running = await this.#runPod(cloud, run);
        await this.#watch.reading();
        return running;
      },
      ({ hostData }) =>
        hostData === undefined ? 'an ordinary pod' : `in a guest that measured ${hostData.slice(0, 16)}…`,
    );
    await this.#step(
      'key release',
      () => this.#watch.keyDecided(),
      (state) => (state === 'released' ? 'the key is in the pod' : 'refused'),
    );
    await this.#step(
      'producer pod',
      async () => this.#runPod(cloud, { pod: await this.#producerPod(key), images }),
      () => 'it has the public key only',
    );
    if (check) await this.#prove(partitions, consumer);
    else await this.#show();
  }

  async end(): Promise<void> {
    const begun = performance.now();
    if (this.#cloud !== undefined) {
      if (!this.#flags.json) this.#io.stderr.write('\nstopping …\n');
      await this.#cloud.stop();
      if (!this.#flags.json) {
        this.#io.stderr.write(`everything is stopped (${seconds(performance.now() - begun)})\n`);
      }
    }
    await this.#client.close();
  }

  get #pageUrl(): string {
    return `http://127.0.0.1:${this.#flags.port}`;
  }

  async #startCloud(): Promise<LocalCloud> {
    const { home, portBase } = this.#flags;
    const folder = resolve(this.#io.cwd, home);
    this.#cloud = await startLocalCloud({
      home: folder,
      portBase,
      salts: existsSync(homeLayout(folder).marker) ? undefined : SALTS,
      only: ['azure', 'attestation'],
      serve: this.#io.serveCommand,
      environment: this.#io.env,
      signal: this.#stop.signal,
      killSignal: this.#stop.killSignal,
      onProgress: this.#print,
    });
    return this.#cloud;
  }

  #consumerPod(cloud: LocalCloud, images: readonly LocalImage[]): ReturnType<typeof consumerPod> {
    const { kafka, topic, port } = this.#flags;
    const settings = {
      brokers: kafka,
      topic,
      keyName: KEY_NAME,
      attestationHost: hostOf(cloud.addresses.attestation),
      vaultHost: hostOf(cloud.addresses.vault),
      sidecarPort: cloud.sidecarPort,
      pagePort: port,
    };
    return consumerPod(
      settings,
      images.map(({ facts }) => facts),
    );
  }

  #producerPod(key: VaultKey): ReturnType<typeof producerPod> {
    const { kafka, topic, message, check } = this.#flags;
    const publicKey = createPublicKey({ key: { kty: 'RSA', ...key.publicKey }, format: 'jwk' });
    return producerPod({
      brokers: kafka,
      topic,
      message,
      publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      more: check ? QUICK_BURSTS : {},
    });
  }

  /** A key that is released to Kata guests with this policy and to nothing else. */
  async #createKey(cloud: LocalCloud, hostData: string): Promise<VaultKey> {
    const policy = await readPolicyFlags(
      {
        attestation: cloud.addresses.attestation,
        hostData,
        status: 'azure-signed-katacc-uvm',
        immutable: false,
      },
      this.#io,
    );
    const { keys } = await connectVault({ home: this.#flags.home, json: this.#flags.json }, this.#io);
    return keys.create(KEY_NAME, {
      kind: 'RSA-HSM',
      sizeBits: RSA_BITS,
      operations: OPERATIONS,
      ...(policy === undefined ? {} : { releasePolicy: { policy, immutable: false } }),
    });
  }

  /** The consumer's pod as it is run: as it should be, tampered with, or as an ordinary pod. */
  #consumerRun({ pod, images }: PodRun, policy: string): Promise<PodRun> | PodRun {
    const { tamper, outsideTee, home } = this.#flags;
    if (outsideTee) return { pod: asOrdinaryPod(pod), images };
    if (tamper === undefined) return { pod: withPolicy(pod, policy), images };
    const { podsFolder } = homeLayout(resolve(this.#io.cwd, home));
    return tamperedRun(tamper, { pod, images }, policy, podsFolder);
  }

  #runPod(cloud: LocalCloud, { pod, images }: PodRun): Promise<RunningPod> {
    const notice = (text: string): void => this.#print({ kind: 'notice', text });
    return cloud.runPod({
      manifest: manifestOf(pod),
      images,
      onDenial: notice,
      onEnd: (sentence) => {
        notice(sentence);
        this.#watch.fail(sentence);
      },
    });
  }

  /** Tries to run a pod that its policy denies, and says why it was denied. */
  async #showDenial(cloud: LocalCloud, run: PodRun): Promise<void> {
    const denied = await this.#step(
      'consumer pod',
      () => denialOf(this.#runPod(cloud, run)),
      () => 'denied by its policy, nothing was started',
    );
    if (this.#flags.json) writeJson(this.#io, { version: 1, denied });
    else this.#io.stdout.write(`${denied}\n`);
  }

  /** Prints messages as they arrive, until Ctrl-C. */
  async #show(): Promise<void> {
    const { json } = this.#flags;
    if (!json) {
      this.#io.stderr.write(
        `\nThe page is at ${this.#pageUrl}. What the consumer reads follows; Ctrl-C stops everything.\n\n`,
      );
    }
    for await (const message of this.#watch.messages()) {
      if (json) writeJson(this.#io, { version: 1, page: this.#pageUrl, message });
      else {
        const text = message.decrypted ? message.text : `(ciphertext) ${message.text.slice(0, 48)}…`;
        this.#io.stdout.write(`partition ${message.partition}, offset ${message.offset}: ${printable(text)}\n`);
      }
    }
  }

  /** Reads until every partition has had its say, and judges. */
  async #prove(partitions: number, consumer: RunningPod): Promise<void> {
    const readable = this.#flags.tamper === undefined && !this.#flags.outsideTee;
    const proof = await this.#step(
      'proof',
      () => this.#watch.prove({ partitions, readable }),
      ({ messages }) =>
        `${messages} messages from ${partitions} partitions, ${readable ? 'all decrypted' : 'all of them ciphertext'}`,
    );
    if (this.#flags.json) {
      writeJson(this.#io, {
        version: 1,
        page: this.#pageUrl,
        hostData: consumer.hostData ?? null,
        partitions,
        ...proof,
      });
    } else
      this.#io.stdout.write(`${readable ? 'decrypted' : 'ciphertext'}: ${printable(proof.example)}\n${proof.key}\n`);
  }

  #step<T>(step: string, work: () => Promise<T>, detail: (result: T) => string): Promise<T> {
    return this.#steps.run(step, work, detail);
  }
}

/** Why a pod was denied. */
async function denialOf(starting: Promise<RunningPod>): Promise<string> {
  let name: string;
  try {
    ({ name } = await starting);
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'POD_NOT_STARTED') return error.message;
    throw error;
  }
  throw new DependencyError('SAMPLE_NOT_AS_EXPECTED', `the pod ${name} was started, although its policy denies it`, {
    retryable: false,
    action: 'Read the logs in the home folder of the sample.',
  });
}

/** Anybody may write to a topic; control characters would be commands to the terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '�');
}
