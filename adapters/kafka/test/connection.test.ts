import { Secret } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { clientOptions, eventHubsConnection, parseBrokers } from '../src/connection.ts';

describe('parseBrokers', () => {
  it.each([
    ['one:9092', ['one:9092']],
    [' one:9092 , 10.0.0.1:1,[::1]:9093, ', ['one:9092', '10.0.0.1:1', '[::1]:9093']],
    ['my-cluster-kafka-bootstrap:9092', ['my-cluster-kafka-bootstrap:9092']],
  ])('takes %j', (text, brokers) => {
    expect(parseBrokers(text)).toEqual(brokers);
  });

  it.each(['', ' , ', 'one', 'one:', 'one:99999', 'http://one:9092', 'one:9092/x', 'user@one:9092', 'one two:1'])(
    'refuses %j',
    (text) => {
      expect(() => parseBrokers(text)).toThrow(expect.objectContaining({ code: 'KAFKA_BROKERS_INVALID' }));
    },
  );

  it('names every broker that is wrong', () => {
    expect(() => parseBrokers('good:1,bad,worse:x')).toThrow('"bad" is no broker; "worse:x" is no broker');
  });

  it('throws nothing but its own error, whatever the text is', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseBrokers(text);
        } catch (error) {
          expect(error).toMatchObject({ code: 'KAFKA_BROKERS_INVALID' });
        }
      }),
    );
  });
});

describe('eventHubsConnection', () => {
  const connectionString = new Secret('Endpoint=sb://canary/');

  it('is the Kafka endpoint of the namespace, with TLS and the connection string as the password', () => {
    const connection = eventHubsConnection({ namespace: 'shop', connectionString, clientId: 'me' });
    expect(clientOptions(connection)).toMatchObject({
      clientId: 'me',
      bootstrapBrokers: ['shop.servicebus.windows.net:9093'],
      tls: {},
      tlsServerName: true,
      sasl: { mechanism: 'PLAIN', username: '$ConnectionString', password: 'Endpoint=sb://canary/' },
    });
  });

  it('takes a whole host of another cloud', () => {
    const { brokers } = eventHubsConnection({
      namespace: 'shop.servicebus.usgovcloudapi.net',
      connectionString,
      clientId: 'me',
    });
    expect(brokers).toEqual(['shop.servicebus.usgovcloudapi.net:9093']);
  });

  it('does not show the connection string when it is printed', () => {
    expect(JSON.stringify(eventHubsConnection({ namespace: 'shop', connectionString, clientId: 'me' }))).not.toContain(
      'canary',
    );
  });
});

describe('clientOptions', () => {
  it('without TLS and SASL has neither', () => {
    const options = clientOptions({ brokers: ['one:1'], clientId: 'me' });
    expect([options.tls, options.sasl]).toEqual([undefined, undefined]);
  });
});
