import { expect, it } from 'vitest';

import { operatorSurroundings } from '../../../src/kubernetes/kubelet/operator-surroundings.ts';

const cloud = {
  core: 'http://127.0.0.1:8088',
  optout: 'http://127.0.0.1:8081',
  attestation: 'https://127.0.0.1:8445',
  vault: 'https://127.0.0.1:8444',
  authority: 'https://127.0.0.1:8443',
};

function pod(name: string, env: readonly { readonly name: string; readonly value: string }[] = []) {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers: [{ name, image: 'i', env }] } };
}

it("tells an operator's pod where the local cloud is, without touching what its manifest says", () => {
  const { variables, hostPorts } = operatorSurroundings(
    pod('uid2-operator', [{ name: 'CORE_BASE_URL', value: 'http://elsewhere' }]),
    cloud,
  );
  expect(variables).toEqual({
    OPTOUT_BASE_URL: cloud.optout,
    maa_server_base_url: cloud.attestation,
    azure_vault_url: cloud.vault,
    SKIP_VALIDATIONS: 'true',
    cloud_refresh_interval: '10',
  });
  expect(hostPorts).toEqual([8088, 8081, 8445, 8444, 8443]);
});

it('gives other pods nothing but a way to the services', () => {
  expect(operatorSurroundings(pod('consumer'), cloud)).toMatchObject({ variables: {}, hostPorts: { length: 5 } });
});
