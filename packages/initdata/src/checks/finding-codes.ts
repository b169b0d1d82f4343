/** `error`: a consumer refuses it or fails with it. `warning`: it works, and probably not as meant. `info`: worth knowing. */
export type InitdataSeverity = 'error' | 'warning' | 'info';

interface FindingCode {
  readonly severity: InitdataSeverity;
  readonly meaning: string;
  readonly action: string;
}

const error = (meaning: string, action: string): FindingCode => ({ severity: 'error', meaning, action });
const warning = (meaning: string, action: string): FindingCode => ({ severity: 'warning', meaning, action });
const info = (meaning: string, action: string): FindingCode => ({ severity: 'info', meaning, action });

/** What the checks can find beyond a document that cannot be read, whose findings carry the codes of errors. */
export const initdataFindingCodes = {
  INITDATA_CARRIAGE_RETURNS: warning(
    'The document has line ends of two characters.',
    'Save it with single line feeds: tools that change line ends change the digest.',
  ),
  INITDATA_BASE64_WRAPPED: warning(
    'The Base64 has line ends in it.',
    'Encode it on one line: the Rust runtime refuses wrapped Base64.',
  ),
  INITDATA_GZIP_MEMBERS: warning(
    'The gzip has more than one member.',
    'Compress the document in one piece: some readers stop after the first.',
  ),
  INITDATA_CARRIER_LEGACY: warning(
    'The annotation is the one of older releases.',
    'Use io.katacontainers.config.hypervisor.cc_init_data.',
  ),
  INITDATA_ENTRY_UNKNOWN: warning(
    'No guest component reads an entry of this name.',
    'Remove the entry, or correct its name: aa.toml, cdh.toml, policy.rego.',
  ),
  INITDATA_AA_ABSENT: warning(
    'There is no aa.toml, so no attestation agent runs in a peer pod.',
    'Add an aa.toml. Entries of the global initdata are not merged in.',
  ),
  INITDATA_CDH_ABSENT: info(
    'There is no cdh.toml: the data hub runs with its defaults.',
    'Add a cdh.toml for resources, image policies and registries.',
  ),
  INITDATA_POLICY_ABSENT: warning(
    'There is no policy.rego: the policy of the VM image holds, which usually allows everything.',
    'Add a policy.rego.',
  ),
  INITDATA_PLACEHOLDER: warning(
    'The document is the placeholder that guests write for pods without initdata.',
    'Trusting its measurement means trusting pods without initdata.',
  ),
  INITDATA_PRIVATE_KEY: warning(
    'A private key stands in the document, which the cloud operator can read.',
    'Keep the key in the key broker, and name its resource.',
  ),
  INITDATA_DIGEST_CUT: warning(
    'The digest is longer than the 32 bytes that PCR 8 and HOST_DATA take.',
    'Use sha256 where a vTPM or SEV-SNP measures it.',
  ),
  INITDATA_SIZE_LARGE: warning(
    'The encoded document leaves little room in the user data of a peer pod.',
    'Shorten it: Azure takes 64 KiB of user data, shared with certificates and credentials.',
  ),
  INITDATA_SIZE_EXCEEDED: error(
    'The encoded document does not fit into the user data of a peer pod.',
    'Shorten it to at most 44 KiB of Base64.',
  ),
  INITDATA_FINDINGS_CUT: error(
    'An entry has so many findings that the rest, and what is wrong there, is not listed.',
    'Correct those that are listed, and look again.',
  ),
  AA_TOML_INVALID: error('aa.toml is not TOML.', 'Correct it at the line and column named.'),
  AA_TYPE_INVALID: error('A member of aa.toml has the wrong type.', 'Give it the type that the message names.'),
  AA_KBS_ABSENT: warning(
    'aa.toml configures no key broker, so workloads cannot get tokens or resources.',
    'Add [token_configs.kbs] with a url.',
  ),
  AA_KBS_URL_ABSENT: error('[token_configs.kbs] has no url: the attestation agent does not start.', 'Add the url.'),
  AA_KEY_ALGORITHM_UNKNOWN: error(
    'tee_key_algorithm is none that the attestation agent knows.',
    'Use ECDH-ES+A256KW-P256, ECDH-ES+A256KW-P521 or RSA-OAEP-256.',
  ),
  AA_EVENT_LOG_PCR: error(
    'The run-time event log extends PCR 8, which then no longer has the value of the initdata.',
    'Choose another init_pcr; the default is 17.',
  ),
  CDH_TOML_INVALID: error('cdh.toml is not TOML.', 'Correct it at the line and column named.'),
  CDH_TYPE_INVALID: error('A member of cdh.toml has the wrong type.', 'Give it the type that the message names.'),
  CDH_KBC_ABSENT: error('cdh.toml has no [kbc] with a name: the data hub does not start.', 'Add name = "cc_kbc".'),
  CDH_KBC_UNKNOWN: error('[kbc] names no broker client that there is.', 'Use cc_kbc, or offline_fs_kbc.'),
  CDH_KBS_URL_ABSENT: error('[kbc] has no url, which cc_kbc needs.', 'Add the url that aa.toml has.'),
  CDH_CREDENTIAL_INCOMPLETE: error(
    'A credential lacks resource_uri or path: the data hub does not start.',
    'Give both.',
  ),
  CDH_CREDENTIAL_PATH: error(
    'A credential would be written outside of the folder for credentials.',
    'Choose a path under /run/confidential-containers/cdh/kbs.',
  ),
  CDH_MEMBER_MISPLACED: warning(
    'A member of the top level stands below a table header, so it belongs to that table and is ignored.',
    'Move it above the first [table].',
  ),
  CDH_SEALED_SECRETS_UNVERIFIED: warning(
    'Signatures of sealed secrets are not verified.',
    'Remove skip_sealed_secret_verification, which is for tests.',
  ),
  CDH_IMAGE_POLICY_INVALID: error(
    'image_security_policy is not a container policy.',
    'Give JSON in the format of containers-policy.json.',
  ),
  CDH_IMAGE_POLICY_OPEN: warning(
    'The image policy accepts anything by default.',
    'Make the default reject, and list what is accepted.',
  ),
  CDH_IMAGE_POLICY_SHADOWED: warning(
    'image_security_policy_uri goes before image_security_policy, which is never read.',
    'Keep one of them.',
  ),
  INITDATA_MEMBER_UNKNOWN: warning(
    'A guest component ignores a member of this name.',
    'Correct the name or remove the member.',
  ),
  KBS_URL_INVALID: error('The address of the key broker is no http or https URL.', 'Give it as https://HOST:PORT.'),
  KBS_URL_PLAIN: info(
    'The key broker is reached over http: resources stay encrypted, its identity is not checked.',
    'Use https with the certificate of the broker.',
  ),
  KBS_URL_DIFFERS: error(
    'aa.toml and cdh.toml name different key brokers: tokens of one are none at the other.',
    'Give both the same url.',
  ),
  KBS_CERTIFICATE_ABSENT: info(
    'No certificate is given for an https key broker: only public authorities are trusted.',
    'Add the certificate of its authority, unless a public one issued it.',
  ),
  KBS_CERTIFICATE_DIFFERS: warning(
    'aa.toml and cdh.toml trust different certificates for the key broker.',
    'Give both the same certificate.',
  ),
  CERTIFICATE_INVALID: error('A certificate is not PEM of an X.509 certificate.', 'Replace it.'),
  CERTIFICATE_EXPIRED: error('A certificate has expired.', 'Replace it, and register the new measurement.'),
  CERTIFICATE_EARLY: warning('A certificate is not valid yet.', 'Check its dates and your clock.'),
  KBS_URI_INVALID: error(
    'A resource is not named as kbs:///REPOSITORY/TYPE/TAG.',
    'Give the three parts after kbs:///.',
  ),
  AGENT_POLICY_PACKAGE_MISSING: error(
    'policy.rego is not of package agent_policy, so the agent refuses every request.',
    'Begin it with: package agent_policy',
  ),
  AGENT_POLICY_EMPTY: error(
    'policy.rego has no rules, so the agent refuses every request.',
    'Add rules, or remove the entry.',
  ),
  AGENT_POLICY_EXEC_ALLOWED: warning(
    'The policy lets the host run any command in the containers.',
    'Set default ExecProcessRequest := false.',
  ),
  AGENT_POLICY_REPLACEABLE: warning('The policy lets the host replace it.', 'Set default SetPolicyRequest := false.'),
  AGENT_POLICY_LOGS_VISIBLE: info(
    'The policy lets the host read what the containers write.',
    'Set default ReadStreamRequest := false where logs are confidential.',
  ),
} as const satisfies Readonly<Record<string, FindingCode>>;

export type InitdataFindingCode = keyof typeof initdataFindingCodes;
