import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { join } from 'node:path';

import { ensureTopic, openKafkaProducer } from '@holdfast/kafka';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { freePortBase, RunningCommand, runHoldfast, waitFor } from '../src/index.ts';
import { KafkaBroker } from './support/broker.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const kafka = inject('kafka');
const scratch = temporaryFolder();
const pair = generateKeyPairSync('rsa', { modulusLength: 3072 });
const PUBKEY = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
/** Messages in quick succession. */
const QUICK = { RATE: '6', RATEDEVIATION: '0', SENDDURATION: '1', RESTDURATION: '1' };

interface State {
  readonly message: string;
  readonly key: { readonly state: string; readonly text: string };
  readonly kafka: { readonly state: string; readonly text: string };
  readonly messages: readonly { readonly text: string; readonly partition: number; readonly decrypted: boolean }[];
}

/** The consumer's state once it is as wanted. */
async function stateOf(port: number, wanted: (state: State) => boolean): Promise<State> {
  let state: State | undefined;
  await waitFor(
    async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/state`).catch(() => undefined);
      state = answer?.ok === true ? ((await answer.json()) as State) : undefined;
      return state !== undefined && wanted(state);
    },
    100_000,
    () => JSON.stringify(state),
  );
  return state as State;
}

/** A sidecar that refuses until it is told otherwise. */
function startSidecar(): Promise<{ readonly url: string; release(): void; readonly asked: number; stop(): void }> {
  let released = false;
  let asked = 0;
  const server = createServer((request, response) => {
    if (request.url === '/status') {
      response.end('{"message":"Status OK"}');
      return;
    }
    asked += 1;
    const key = JSON.stringify(pair.privateKey.export({ format: 'jwk' }));
    response.statusCode = released ? 200 : 403;
    response.end(JSON.stringify(released ? { key } : { error: 'not met: <hostdata>' }));
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      resolve({
        url: `http://127.0.0.1:${port}`,
        release: () => (released = true),
        get asked() {
          return asked;
        },
        stop: () => void server.close(),
      });
    });
  });
}

describe.skipIf(kafka === undefined)('producer and consumer against Apache Kafka', () => {
  let sidecar: Awaited<ReturnType<typeof startSidecar>>;
  beforeAll(async () => {
    sidecar = await startSidecar();
  });
  afterAll(() => sidecar.stop());

  const consumer = (port: number, env: Readonly<Record<string, string>>): RunningCommand =>
    new RunningCommand(['serve', 'encrypted-kafka-consumer'], {
      host: '127.0.0.1',
      port: String(port),
      SkrClientKID: 'demo',
      SkrClientMAAEndpoint: 'maa.example.net',
      SkrClientAKVEndpoint: 'vault.example.net',
      sidecar_url: sidecar.url,
      ...env,
    });
  const producer = (env: Readonly<Record<string, string>>): RunningCommand =>
    new RunningCommand(['serve', 'encrypted-kafka-producer'], { PUBKEY, ...QUICK, ...env });

  it(
    'both wait for a broker that is not there yet, and decrypt what came before the key',
    { timeout: 300_000 },
    async () => {
      const portBase = await freePortBase(4);
      const broker = new KafkaBroker({ jars: kafka?.jars ?? '', folder: join(scratch, 'late'), portBase });
      const where = { BROKERS: broker.address, TOPIC: 'late' };
      const page = portBase + 3;
      await using reading = consumer(page, where);
      await using sending = producer(where);
      const early = await stateOf(page, (state) => state.kafka.state === 'waiting' && state.key.state === 'refused');
      expect(early.kafka.text).toMatch(/Cannot read topic late: .*connection refused. Trying again in/);
      expect(early.key.text).toContain('not met: <hostdata>');
      await sending.prints('KAFKA_UNREACHABLE');
      try {
        await broker.start();
        await ensureTopic({ brokers: [broker.address], clientId: 'test' }, { topic: 'late', partitions: 3 });
        const ciphertext = await stateOf(page, ({ messages }) => messages.length >= 6);
        expect(ciphertext.messages.every(({ decrypted }) => !decrypted)).toBe(true);
        await sending.prints('the brokers take messages again');
        sidecar.release();
        const plain = await stateOf(page, ({ key, messages }) => key.state === 'released' && messages.length >= 12);
        expect(plain.messages.every(({ decrypted, text }) => decrypted && /^Msg [1-6]: Azure/.test(text))).toBe(true);
        expect(new Set(plain.messages.map(({ partition }) => partition))).toEqual(new Set([0, 1, 2]));
      } finally {
        await sending.stop();
        await reading.stop();
        await broker.stop();
      }
      const { d = '' } = pair.privateKey.export({ format: 'jwk' });
      expect(reading.output + sending.output).not.toContain(d.slice(0, 40));
      expect(reading.output).not.toContain('Azure Confidential');
    },
  );

  it('in the form of Event Hubs: TLS, a connection string, and only messages of the own source', async () => {
    sidecar.release();
    const topic = `hub-${process.pid}`;
    const plaintext = { brokers: [kafka?.address ?? ''], clientId: 'test' };
    await ensureTopic(plaintext, { topic, partitions: 3 });
    const page = await freePortBase(1);
    const where = {
      EVENTHUB_NAMESPACE: 'test',
      EVENTHUB: topic,
      BROKERS: kafka?.securedAddress ?? '',
      EVENTHUB_CONNECTION_STRING: kafka?.connectionString ?? '',
      KAFKA_CA_FILE: kafka?.caFile ?? '',
      SOURCE: 'here',
      LOG_FILE: '',
    };
    await using _reading = consumer(page, where);
    await stateOf(page, (state) => state.kafka.state === 'reading');
    const stranger = openKafkaProducer(plaintext);
    await stranger.send({ topic, value: Buffer.from('from elsewhere'), headers: { source: 'there' } });
    await stranger.send({ topic, value: Buffer.from('from nowhere') });
    await stranger.send({ topic, value: Buffer.from('not encrypted'), headers: { source: 'here' } });
    await stranger.close();
    await using sending = producer({ ...where, MSG: 'Hello' });
    const { messages } = await stateOf(page, (state) => state.messages.length >= 4);
    const texts = messages.map(({ text }) => text);
    expect(texts).toContain('not encrypted');
    expect(texts).toContain('Message Id 1: Hello');
    expect(texts.join()).not.toMatch(/elsewhere|nowhere/);
    expect(sending.output).not.toContain('SharedAccessKey=');
  });

  it('a wrong PUBKEY is one clear error', async () => {
    const wrong = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
    const pem = wrong.export({ type: 'spki', format: 'pem' }).toString();
    const env = { BROKERS: kafka?.address ?? '', PUBKEY: pem };
    const { code, stdout } = await runHoldfast(['serve', 'encrypted-kafka-producer'], env);
    const lines = stdout.trim().split('\n');
    expect([code, lines.length]).toEqual([78, 1]);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      code: 'SAMPLE_PUBLIC_KEY_INVALID',
      msg: 'PUBKEY: no RSA public key in PEM: it is a key of type ec',
    });
  });

  it('refused credentials end the producer with one error', async () => {
    const { code, stdout } = await runHoldfast(['serve', 'encrypted-kafka-producer'], {
      EVENTHUB_NAMESPACE: 'test',
      EVENTHUB: 'any',
      SOURCE: '',
      LOG_FILE: '',
      MSG: '',
      PUBKEY,
      BROKERS: kafka?.securedAddress ?? '',
      EVENTHUB_CONNECTION_STRING: 'Endpoint=sb://wrong/;SharedAccessKey=canary',
      KAFKA_CA_FILE: kafka?.caFile ?? '',
    });
    expect([code, stdout]).toEqual([1, expect.stringContaining('KAFKA_AUTHENTICATION_FAILED')]);
    expect(stdout).not.toContain('canary');
  });
});
