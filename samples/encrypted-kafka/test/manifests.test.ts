import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { manifests } from '../src/index.ts';

describe('the manifests', () => {
  const consumer = readFileSync(manifests.consumer, 'utf8');
  const producer = readFileSync(manifests.producer, 'utf8');

  it('have the names of the published guide', () => {
    for (const words of [
      'name: kafka-golang-consumer',
      'namespace: kafka',
      "azure.workload.identity/use: 'true'",
      'serviceAccountName: workload-identity-sa',
      'runtimeClassName: kata-cc-isolation',
      'image: mcr.microsoft.com/aci/skr:2.7',
      'image: mcr.microsoft.com/acc/samples/kafka/consumer:1.0',
      "command: ['/bin/skr']",
      "command: ['/consume']",
      'targetPort: kafka-consumer',
    ]) {
      expect(consumer).toContain(words);
    }
    expect(producer).toContain("command: ['/produce']");
    expect(producer).not.toContain('runtimeClassName');
  });

  it('let the sidecar fetch certificates from the host', () => {
    const value = /name: SkrSideCarArgs\n\s+value: (\S+)/.exec(consumer)?.[1] ?? '';
    expect(JSON.parse(Buffer.from(value, 'base64').toString())).toEqual({
      certcache: { endpoint_type: 'LocalTHIM', endpoint: '169.254.169.254/metadata/THIM/amd/certification' },
    });
  });
});
