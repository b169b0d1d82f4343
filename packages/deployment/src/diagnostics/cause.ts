/** Where something was seen. */
export interface Evidence {
  /** `event FailedScheduling`, `log of uid2-operator`, `log of uid2-operator before its last restart`, `state of skr`. */
  readonly source: string;
  /** What was seen, in one line. */
  readonly text: string;
}

export type CauseId = keyof typeof causeRows;

/** Why a pod fails, as far as it can be told from outside. */
export interface DiagnosedCause {
  readonly id: CauseId;
  /** One sentence: what is wrong. */
  readonly title: string;
  readonly evidence: readonly Evidence[];
  /** One or two sentences: what to do next. */
  readonly action: string;
  /** Checks of the doctor that look at the same thing. */
  readonly checks: readonly string[];
}

interface CauseRow {
  readonly signal: string;
  readonly title: string;
  readonly action: string;
  readonly checks: readonly string[];
}

const row = (signal: string, title: string, action: string, checks: readonly string[] = []): CauseRow => ({
  signal,
  title,
  action,
  checks,
});

/** Every cause, by its name: the signal it is told by, what it means, what to do. One list for the tool and its documentation. */
export const causeRows = {
  'virtual-node-missing': row(
    'Pending, event FailedScheduling, no virtual node Ready',
    'There is no virtual node that is ready to take the pod.',
    'Look at the pods of the virtual node in its namespace; holdfast apply installs it again.',
    ['KV-04'],
  ),
  unschedulable: row(
    'Pending, event FailedScheduling',
    'No node takes the pod.',
    'Compare node selector and tolerations of the pod with labels and taints of the virtual node, and the number of pods it has with its 200.',
  ),
  'roles-missing': row(
    'event AuthorizationFailed on containerGroups/write or subnets/join',
    'The virtual node may not create container groups, or not join their subnet: roles are missing or not effective yet.',
    'New roles take minutes; wait, then compare the roles with RA-01 and run holdfast apply.',
    ['RA-01', 'RP-02'],
  ),
  'identity-not-assignable': row(
    'event LinkedAuthorizationFailed on userAssignedIdentities/assign',
    'The identity of the nodes may not assign the identity of the operator to container groups.',
    'Give the identity of the nodes the right userAssignedIdentities/assign/action (Managed Identity Operator) on the identity of the operator.',
    ['RA-01'],
  ),
  'no-capacity': row(
    'event with QuotaReached, QuotaExceeded, or no capacity',
    'Azure has no quota or no capacity for another confidential container group here.',
    'Ask for more quota (QT-03), wait, or use another region; an upgrade needs room for both versions.',
    ['QT-03', 'QT-04'],
  ),
  'policy-denied': row(
    'event with policyDecision',
    'The policy of the pod denies a step.',
    'Deploy the release unchanged; the digest of a release belongs to exactly its manifest and images.',
    ['OB-03', 'OB-05'],
  ),
  'image-layers-changed': row(
    'event with policyDecision: deviceHash not found',
    'A layer of an image is not the one that the policy was made for.',
    'The image behind the tag has changed, or it is another image: use the image of the release, by its digest.',
    ['OB-05'],
  ),
  'image-pull': row(
    'ErrImagePull, ImagePullBackOff, InaccessibleImage, RegistryErrorResponse',
    'An image cannot be pulled.',
    'Check the name and the tag, that the registry can be reached from the subnet of the container groups, and its credentials.',
    ['NW-13'],
  ),
  E01: row(
    'log E01',
    'E01: the instance has no profile to read the operator key with.',
    'This is an error of operators on AWS: deploy the release for Azure (azure-cc).',
  ),
  E02: row(
    'log E02 OperatorKeyNotFoundError',
    'E02: the vault has no secret of the configured name.',
    'Correct vault.secretName, or write the key with holdfast apply.',
  ),
  E03: row(
    'log E03 ConfigurationMissingError',
    'E03: a setting is missing, was dropped by the policy, or the secret is empty.',
    'Set the named values; an empty value never passes the policy. Check that the secret holds the key.',
    ['OK-01'],
  ),
  E04: row(
    'log E04 ConfigurationValueError',
    'E04: a setting has a value that the operator refuses, such as debug settings in prod.',
    'Correct the value that the line names.',
    ['OE-01', 'OE-02'],
  ),
  E05: row(
    'log E05 OperatorKeyValidationError',
    'E05: the operator key was issued for another environment.',
    'Write the key of this environment with holdfast rotate-key.',
    ['OK-03'],
  ),
  E06: row(
    'log E06 UID2ServicesUnreachableError',
    'E06: the UID2 services cannot be reached.',
    'Open outbound 443 to Core and Opt-Out, and check the NAT gateway of the container groups and DNS.',
    ['NW-13'],
  ),
  E08: row(
    'log E08 OperatorKeyPermissionError',
    'E08: the operator got no token for the vault, or the vault answered 401.',
    'Check the identity annotation of the pod, and that the identity exists.',
    ['RA-01'],
  ),
  'vault-forbidden': row(
    'log "Unexpected failure while starting up" around a 403 of the vault',
    'The vault refuses the identity of the operator: a role is missing or not effective yet, or a firewall closes it.',
    'Give the identity Key Vault Secrets User on the vault; a new role can take minutes, with cached tokens up to 24 hours.',
    ['RP-01', 'RA-01', 'VT-03'],
  ),
  'vault-firewall': row(
    'log with ForbiddenByFirewall',
    'The firewall of the vault refuses the address of the operator.',
    'Allow the address of the NAT gateway in the firewall of the vault, or open it.',
    ['VT-03'],
  ),
  'secret-disabled': row(
    'log with SecretDisabled',
    'The newest version of the secret is disabled.',
    'Write the key again with holdfast rotate-key: a disabled newest version hides all others.',
  ),
  'vault-unreachable': row(
    'log "Unexpected failure while starting up" around a name or connection error to the vault',
    'The vault cannot be reached: its name is wrong, or the way to it is closed.',
    'Check vault.name, outbound 443 to the vault, and DNS.',
    ['VT-03', 'NW-13'],
  ),
  E12: row(
    'log E12 data download failure',
    'E12: data cannot be downloaded from Core, Opt-Out or their storage.',
    'HTTP 401 or 403: ask UID2 about the key. Otherwise open outbound 443 to the hosts of the environment, or wait for the service.',
    ['NW-13'],
  ),
  'sidecar-not-ready': row(
    'log "SKR sidecar not ready after 15 attempts"',
    'The attestation sidecar did not answer in time.',
    'Look at the state and the log of the container skr of the same pod.',
  ),
  'attestation-refused': row(
    'log "core attestation failed with AttestationFailure"',
    'Core refused the attestation, and the operator ended at once.',
    'Ask your UID2 contact whether the key is enabled and the digest of the policy is registered. A restart does not help.',
    ['OB-03', 'OK-03'],
  ),
  'attestation-failing': row(
    'log of failed attestation answers other than 401 and 403',
    'Core answers attestation with errors; the operator serves for at most 12 hours more.',
    'Ask your UID2 contact; do not restart the operator, it would not come up.',
  ),
  'attestation-failed-too-long': row(
    'log "core attestation has been in failed state for too long"',
    'Core answered attestation with errors for 12 hours, and the operator ended.',
    'Ask your UID2 contact; the operator starts again by itself once Core answers.',
  ),
  'salts-expired': row(
    'log "salts have been in expired state for too long"',
    'All salts were expired for 12 hours, and the operator ended.',
    'Ask your UID2 contact for current salts.',
  ),
  'store-stale': row(
    'log "Store … has not refreshed successfully"',
    'A store could not be refreshed for 12 hours, and the operator ended.',
    'Open outbound 443 to Core and its storage; the lines above it have the reason.',
    ['NW-13'],
  ),
  'configuration-file-missing': row(
    'container exit code 1 without another reason',
    'The operator found no configuration file for the environment.',
    'Check operator.environment (integ or prod), and that the image is the one of the release.',
    ['OE-01'],
  ),
  'out-of-memory': row(
    'exit code 137, OOMKilled, or a log line that names signal 9',
    'The operator ran out of memory.',
    'Keep the 24 GiB of the release; less is not enough for its salts.',
  ),
  'ended-without-reason': row(
    'Completed with exit code 0, restarting, no known line in the log',
    'The operator ends by itself and is started again; its log does not say why in words known here.',
    'Read the end of the log of the last instance. Exit code 0 does not mean success here: the start script ends with 0 after failures.',
  ),
  'back-off': row(
    'CrashLoopBackOff, other exit codes',
    'A container fails again and again.',
    'Read its log; the next start is delayed by up to five minutes.',
  ),
  'not-ready': row(
    'running, readiness probe fails',
    'The operator runs and is not ready.',
    'Read its log; while it loads, its port is closed and the probe fails.',
  ),
  starting: row('created or starting for less than ten minutes', 'The pod is starting.', 'Wait.'),
  unknown: row('none of the above', 'Nothing was found that explains it.', 'Read the events and the log of the pod.'),
} as const satisfies Readonly<Record<string, CauseRow>>;

/** A cause with its row, unless something more exact is known. */
export function cause(
  id: CauseId,
  evidence: readonly Evidence[],
  exact: Partial<Pick<DiagnosedCause, 'title' | 'action'>> = {},
): DiagnosedCause {
  const { title, action, checks } = causeRows[id];
  return { id, title, action, checks, evidence, ...exact };
}
