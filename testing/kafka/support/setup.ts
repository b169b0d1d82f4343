import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

import { openCertificateAuthority } from '@holdfast/local';

import { freePortBase } from '../../src/index.ts';
import { KafkaBroker } from './broker.ts';
import { findPrograms } from './install.ts';

/** The broker that all test files share. */
export interface SharedBroker {
  readonly jars: string;
  /** `host:port` for clients in plaintext. */
  readonly address: string;
  /** `host:port` for clients with TLS and SASL PLAIN, as Event Hubs has it. */
  readonly securedAddress: string;
  readonly caFile: string;
  readonly connectionString: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Undefined where Apache Kafka cannot run. */
    kafka: SharedBroker | undefined;
    /** Path of a Chromium; undefined where there is none. */
    chromium: string | undefined;
  }
}

const CONNECTION_STRING =
  'Endpoint=sb://test.servicebus.windows.net/;SharedAccessKeyName=all;SharedAccessKey=dGhlIGtleQ==';

/** Fetches Apache Kafka and starts one broker for all test files. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const { jars, chromium, missing } = await findPrograms(say);
  for (const what of missing) say(`skipped, not on this machine: ${what}`);
  project.provide('chromium', chromium);
  if (jars === undefined) {
    project.provide('kafka', undefined);
    return () => Promise.resolve();
  }
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-kafka-'));
  const authority = await openCertificateAuthority(join(folder, 'ca'), Date.now);
  const certificate = await authority.issueServerCertificate({ hosts: ['localhost', '127.0.0.1'] });
  const broker = new KafkaBroker({
    jars,
    folder: join(folder, 'broker'),
    portBase: await freePortBase(3),
    secured: { ...certificate, password: CONNECTION_STRING },
  });
  const teardown = async (): Promise<void> => {
    await broker.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    say('starting Apache Kafka');
    await broker.start();
    project.provide('kafka', {
      jars,
      address: broker.address,
      securedAddress: broker.securedAddress,
      caFile: authority.caFile,
      connectionString: CONNECTION_STRING,
    });
  } catch (error) {
    await teardown();
    throw error;
  }
  return teardown;
}
