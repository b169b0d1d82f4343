import { isTable, type TomlTable } from '../toml.ts';
import type { BrokerReference } from './broker.ts';
import { checkBroker, checkResourceUri } from './broker.ts';
import { checkCertificates } from './certificates.ts';
import { readEntry } from './entry.ts';
import type { FindingList } from './finding.ts';
import { checkImagePolicy } from './image-policy.ts';
import { checkMembers, tableAt, type TableSchema, textOf } from './members.ts';

const TOP_LEVEL = ['socket', 'credentials', 'skip_sealed_secret_verification'] as const;

const SCHEMA: TableSchema = {
  socket: 'text',
  credentials: 'list',
  skip_sealed_secret_verification: 'boolean',
  aa: { aa_socket: 'text' },
  kbc: { name: 'text', url: 'text', kbs_cert: 'text' },
  image: {
    image_security_policy_uri: 'text',
    image_security_policy: 'text',
    sigstore_config_uri: 'text',
    sigstore_config: 'text',
    authenticated_registry_credentials_uri: 'text',
    registry_configuration_uri: 'text',
    registry_config: 'open',
    extra_root_certificates: 'texts',
    image_pull_proxy: { https_proxy: 'text', http_proxy: 'text', no_proxy: 'text' },
    max_concurrent_layer_downloads_per_image: 'integer',
    work_dir: 'text',
  },
  log: 'open',
};

const BROKER_CLIENTS: readonly string[] = ['cc_kbc', 'offline_fs_kbc'];
const CREDENTIAL_FOLDER = '/run/confidential-containers/cdh/kbs/';
const RESOURCE_MEMBERS = [
  'image_security_policy_uri',
  'sigstore_config_uri',
  'authenticated_registry_credentials_uri',
  'registry_configuration_uri',
] as const;

/** Checks the configuration of the confidential data hub; answers the key broker that it names. */
export function checkCdhToml(text: string, now: number | undefined, findings: FindingList): BrokerReference {
  const table = readEntry(text, 'cdh.toml', 'CDH_TOML_INVALID', findings);
  if (table === undefined) return { url: undefined, certificate: undefined };
  checkMembers(table, SCHEMA, 'CDH_TYPE_INVALID', findings);
  checkMisplaced(table, findings);
  if (table['skip_sealed_secret_verification'] === true) {
    const path = 'skip_sealed_secret_verification';
    findings.add('CDH_SEALED_SECRETS_UNVERIFIED', `${path} is true.`, { path });
  }
  checkCredentials(table['credentials'], findings);
  checkImage(tableAt(table, 'image'), now, findings);
  return checkClient(tableAt(table, 'kbc'), now, findings);
}

function checkMisplaced(table: TomlTable, findings: FindingList): void {
  for (const [header, value] of Object.entries(table)) {
    if (!isTable(value)) continue;
    for (const name of TOP_LEVEL.filter((member) => Object.hasOwn(value, member))) {
      const path = `${header}.${name}`;
      findings.add('CDH_MEMBER_MISPLACED', `${name} stands below [${header}], where nothing reads it.`, { path });
    }
  }
}

function checkCredentials(credentials: unknown, findings: FindingList): void {
  if (!Array.isArray(credentials)) return;
  for (const [index, credential] of credentials.entries()) {
    if (!isTable(credential)) continue;
    const at = `credentials[${index}]`;
    const [uri, path] = [textOf(credential, 'resource_uri'), textOf(credential, 'path')];
    if (uri === undefined || path === undefined) {
      findings.add('CDH_CREDENTIAL_INCOMPLETE', `${at} needs a resource_uri and a path, both texts.`, { path: at });
    }
    if (uri !== undefined) checkResourceUri(uri, `${at}.resource_uri`, findings);
    if (path !== undefined && !isCredentialPath(path)) {
      const place = `${at}.path`;
      findings.add('CDH_CREDENTIAL_PATH', `${place} is not below ${CREDENTIAL_FOLDER}.`, { path: place });
    }
  }
}

function isCredentialPath(path: string): boolean {
  return path.startsWith(CREDENTIAL_FOLDER) && !path.split('/').includes('..') && !path.endsWith('/');
}

function checkImage(image: TomlTable | undefined, now: number | undefined, findings: FindingList): void {
  if (image === undefined) return;
  for (const name of RESOURCE_MEMBERS) {
    const uri = textOf(image, name);
    // Components take files of the VM image as well.
    if (uri !== undefined && !uri.startsWith('file://')) checkResourceUri(uri, `image.${name}`, findings);
  }
  const policy = textOf(image, 'image_security_policy');
  if (policy !== undefined) {
    checkImagePolicy(policy, 'image.image_security_policy', findings);
    if (Object.hasOwn(image, 'image_security_policy_uri')) {
      const path = 'image.image_security_policy';
      findings.add('CDH_IMAGE_POLICY_SHADOWED', `${path} is never read: image_security_policy_uri is.`, { path });
    }
  }
  const roots: unknown = image['extra_root_certificates'];
  if (!Array.isArray(roots)) return;
  for (const [index, pem] of roots.entries()) {
    if (typeof pem === 'string') checkCertificates(pem, `image.extra_root_certificates[${index}]`, now, findings);
  }
}

function checkClient(kbc: TomlTable | undefined, now: number | undefined, findings: FindingList): BrokerReference {
  const name = textOf(kbc, 'name');
  if (kbc === undefined || name === undefined) {
    findings.add('CDH_KBC_ABSENT', 'There is no [kbc] with a name.', { path: 'kbc.name' });
  } else if (!BROKER_CLIENTS.includes(name)) {
    findings.add('CDH_KBC_UNKNOWN', `kbc.name is not one of ${BROKER_CLIENTS.join(', ')}.`, { path: 'kbc.name' });
  }
  const broker = { url: textOf(kbc, 'url'), certificate: textOf(kbc, 'kbs_cert') };
  if (name === 'cc_kbc' && broker.url === undefined) {
    findings.add('CDH_KBS_URL_ABSENT', '[kbc] has no url.', { path: 'kbc.url' });
  }
  checkBroker(broker, { url: 'kbc.url', certificate: 'kbc.kbs_cert' }, now, findings);
  return broker;
}
