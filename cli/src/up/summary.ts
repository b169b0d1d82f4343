import type { LocalCloud, ProvedCheck } from '@holdfast/local';

/** What a person needs once the cloud is up, as lines of text. */
export function summary(cloud: LocalCloud, checks: readonly ProvedCheck[], tookMs: number): string {
  const { ready } = cloud;
  const rows: (readonly [string, string])[] = [];
  if (ready.operator !== null) {
    rows.push(['operator', ready.operator.url], ['metrics', `${ready.operator.metricsUrl}/metrics`]);
  }
  if (ready.core !== null) rows.push(['core', ready.core.url]);
  if (ready.optout !== null) rows.push(['opt-out', ready.optout.url]);
  if (ready.azure.attestationUrl !== null) rows.push(['attestation', ready.azure.attestationUrl]);
  if (ready.azure.vaultUrl !== null) rows.push(['key vault', ready.azure.vaultUrl]);
  if (ready.virtualNode !== null) rows.push(['virtual node', `${ready.virtualNode.url}/pods`]);
  rows.push(
    ['API key', ready.client.apiKey],
    ['client secret', ready.client.secret],
    ['client', `${ready.client.name}, site ${ready.client.siteId}`],
    ['enclave id', ready.enclaveId],
    ['home', ready.home],
    ['CA', ready.azure.caFile],
  );
  const table = rows.map(([name, value]) => `  ${name.padEnd(14)} ${value}`);
  const proofs = checks.map(({ proved }) => `  proved         ${proved}`);
  const title =
    ready.operator === null ? 'The chosen parts are up' : 'The private operator is attested, ready and proved';
  return [`${title} (${(tookMs / 1000).toFixed(1)} s).`, '', ...table, ...proofs, ''].join('\n');
}

/** What to try next. */
export const NEXT_STEPS = `
  npm exec holdfast -- uid2 token --email you@example.com
  npm exec holdfast -- uid2 map you@example.com

Ctrl-C stops everything.
`;
