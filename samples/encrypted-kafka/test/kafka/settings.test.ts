import { describe, expect, it } from 'vitest';

import { readConsumerConfig } from '../../src/consumer/config.ts';
import { readProducerConfig } from '../../src/producer/config.ts';
import { publicPem } from '../keys.ts';

const consumer = (env: Readonly<Record<string, string>>) => readConsumerConfig({ env, configFile: undefined });
const producer = (env: Readonly<Record<string, string>>) =>
  readProducerConfig({ env: { PUBKEY: publicPem, ...env }, configFile: undefined });
const LATER = {
  EVENTHUB_NAMESPACE: 'shop',
  EVENTHUB: 'orders',
  EVENTHUB_CONNECTION_STRING: 'Endpoint=canary',
  SOURCE: '',
  LOG_FILE: '',
};

describe('the settings of the guide', () => {
  it('have the defaults of the published sample', () => {
    expect(consumer({})).toMatchObject({
      kafka: {
        form: 'kafka',
        topic: 'my-topic',
        source: undefined,
        connection: { brokers: ['my-cluster-kafka-bootstrap:9092'] },
      },
      groupId: 'strimzikafkaconsumergroupid',
      keyRequest: undefined,
      host: '0.0.0.0',
      port: 3333,
    });
    expect(producer({})).toMatchObject({
      kafka: { topic: 'my-topic' },
      message: 'Azure Confidential Computing',
      bursts: {
        count: { mean: 10, deviation: 2 },
        durationMs: { mean: 5000, deviation: 2000 },
        restMs: { mean: 10_000, deviation: 2000 },
      },
    });
  });

  it('count empty variables as unset', () => {
    const empty = { TOPIC: '', BROKERS: '', CONSUMERGROUP: '', MSG: '', SkrClientKID: '', EVENTHUB_NAMESPACE: '' };
    expect(consumer(empty)).toEqual(consumer({}));
    expect(producer(empty).message).toBe(producer({}).message);
  });

  it('name the key as the sidecar is asked for it', () => {
    const config = consumer({
      SkrClientKID: 'kafka-encryption-demo',
      SkrClientMAAEndpoint: 'maa.example.net',
      SkrClientAKVEndpoint: 'vault.example.net',
    });
    expect(config.keyRequest).toEqual({
      sidecarUrl: 'http://localhost:8080',
      kid: 'kafka-encryption-demo',
      attestationHost: 'maa.example.net',
      vaultHost: 'vault.example.net',
    });
  });

  it('keep a message that looks like a number or like JSON as it is', () => {
    expect(producer({ MSG: '5.70' }).message).toBe('5.70');
    expect(producer({ MSG: '{"a":1}' }).message).toBe('{"a":1}');
  });

  it.each([
    [{ TOPIC: 'no/topic' }, 'SAMPLE_SETTINGS_INVALID', 'TOPIC: not the name of a topic'],
    [{ BROKERS: 'nonsense' }, 'KAFKA_BROKERS_INVALID', '"nonsense" is no broker'],
    [{ PUBKEY: 'junk' }, 'SAMPLE_PUBLIC_KEY_INVALID', 'PUBKEY: no RSA public key in PEM'],
    [
      { PUBKEY: '', PUBKEY_FILE: '/nowhere/key.pem' },
      'SAMPLE_SETTINGS_INVALID',
      'PUBKEY: missing, and there is no file /nowhere/key.pem',
    ],
    [{ MSG: 'x'.repeat(200) }, 'SAMPLE_MESSAGE_TOO_LONG', 'MSG: 208 bytes, and the key holds 190'],
    [{ KAFKA_USERNAME: 'me' }, 'SAMPLE_SETTINGS_INVALID', 'only one of them is set'],
    [
      { KAFKA_TLS: 'true', KAFKA_CA_FILE: '/nowhere' },
      'SAMPLE_SETTINGS_INVALID',
      'KAFKA_CA_FILE: cannot read /nowhere',
    ],
    [{ RATE: 'many' }, 'CONFIG_INVALID', 'RATE'],
  ])('refuse %j', (env, code, words) => {
    expect(() => producer(env as unknown as Record<string, string>)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(words) as string }),
    );
  });
});

describe('the settings of the later form', () => {
  it('are chosen by EVENTHUB_NAMESPACE', () => {
    const { kafka, groupId } = consumer({ ...LATER, SOURCE: 'here' });
    expect([kafka.form, kafka.topic, kafka.source, groupId]).toEqual(['event-hubs', 'orders', 'here', '$Default']);
    expect(kafka.connection.brokers).toEqual(['shop.servicebus.windows.net:9093']);
    expect(kafka.connection.sasl?.username).toBe('$ConnectionString');
    expect(JSON.stringify(kafka)).not.toContain('canary');
  });

  it('may name brokers of their own, with or without a connection string', () => {
    expect(consumer({ ...LATER, BROKERS: 'one:1' }).kafka.connection).toMatchObject({ brokers: ['one:1'], tls: {} });
    const { EVENTHUB_CONNECTION_STRING: _unset, ...without } = LATER;
    const { connection } = consumer({ ...without, BROKERS: 'one:1' }).kafka;
    expect([connection.tls, connection.sasl]).toEqual([undefined, undefined]);
    expect(() => consumer(without)).toThrow('EVENTHUB_CONNECTION_STRING: missing');
  });

  it('must all exist, even if empty', () => {
    const { SOURCE: _source, LOG_FILE: _logFile, ...without } = LATER;
    expect(() => consumer(without)).toThrow('LOG_FILE, SOURCE: must exist');
    expect(() => producer(without)).toThrow('LOG_FILE, MSG, SOURCE: must exist');
    expect(() => consumer({ ...LATER, EVENTHUB: '' })).toThrow('EVENTHUB: missing');
  });
});

it('a message may be as long as the key holds with its number', () => {
  expect(producer({ MSG: 'x'.repeat(182) }).message).toHaveLength(182);
  expect(() => producer({ MSG: 'x'.repeat(183) })).toThrow('MSG: 191 bytes, and the key holds 190');
});
