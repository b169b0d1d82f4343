import type { BrokerReference } from './broker.ts';
import { checkBroker } from './broker.ts';
import type { FindingList } from './finding.ts';
import { readEntry } from './entry.ts';
import { checkMembers, tableAt, type TableSchema, textOf } from './members.ts';

const SCHEMA: TableSchema = {
  token_configs: {
    kbs: { url: 'text', cert: 'text', tee_key_algorithm: 'text' },
    coco_as: { url: 'text' },
  },
  eventlog_config: { init_pcr: 'integer', enable_eventlog: 'boolean', eventlog_algorithm: 'text' },
  log: { level: 'text' },
};

const KEY_ALGORITHMS: readonly string[] = ['ECDH-ES+A256KW-P256', 'ECDH-ES+A256KW-P521', 'RSA-OAEP-256'];
const INITDATA_PCR = 8;

/** Checks the configuration of the attestation agent; answers the key broker that it names. */
export function checkAaToml(text: string, now: number | undefined, findings: FindingList): BrokerReference {
  const table = readEntry(text, 'aa.toml', 'AA_TOML_INVALID', findings);
  if (table === undefined) return { url: undefined, certificate: undefined };
  checkMembers(table, SCHEMA, 'AA_TYPE_INVALID', findings);
  const eventLog = tableAt(table, 'eventlog_config');
  if (eventLog?.['enable_eventlog'] === true && eventLog['init_pcr'] === INITDATA_PCR) {
    const path = 'eventlog_config.init_pcr';
    findings.add('AA_EVENT_LOG_PCR', `${path} is ${INITDATA_PCR}, where the initdata is measured.`, { path });
  }
  const kbs = tableAt(table, 'token_configs', 'kbs');
  if (kbs === undefined) {
    findings.add('AA_KBS_ABSENT', 'There is no [token_configs.kbs].', { path: 'token_configs.kbs' });
    return { url: undefined, certificate: undefined };
  }
  if (!Object.hasOwn(kbs, 'url')) {
    findings.add('AA_KBS_URL_ABSENT', '[token_configs.kbs] has no url.', { path: 'token_configs.kbs.url' });
  }
  const algorithm = textOf(kbs, 'tee_key_algorithm');
  if (algorithm !== undefined && !KEY_ALGORITHMS.includes(algorithm)) {
    const path = 'token_configs.kbs.tee_key_algorithm';
    findings.add('AA_KEY_ALGORITHM_UNKNOWN', `${path} is not one of ${KEY_ALGORITHMS.join(', ')}.`, { path });
  }
  const broker = { url: textOf(kbs, 'url'), certificate: textOf(kbs, 'cert') };
  checkBroker(broker, { url: 'token_configs.kbs.url', certificate: 'token_configs.kbs.cert' }, now, findings);
  return broker;
}
