import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  SERVICE_NOT_IN_IMAGE: {
    family: 'request',
    meaning: 'An image was told to run a service that it does not hold.',
    action: 'Run the service in its own image; in a clone of the repository, run npm ci first.',
  },
  DEPLOYMENT_UNCONFIRMED: {
    family: 'request',
    meaning: 'A command that changes something was not confirmed.',
    action: 'Confirm it when asked, or give --yes.',
  },
  TRUSTEE_REFUSED: {
    family: 'dependency',
    meaning: 'A Trustee key broker refuses what an administrator asks for.',
    action: 'Check the administrator token and its role; the log of the broker has the whole reason.',
  },
  TRUSTEE_URL_INVALID: {
    family: 'request',
    meaning: 'The address of a Trustee key broker is none.',
    action: 'Give --url as https://HOST:PORT.',
  },
  TRUSTEE_FILE_UNREADABLE: {
    family: 'request',
    meaning: 'A file named to a trustee command cannot be read.',
    action: 'Check the path and the permissions of the file.',
  },
  TRUSTEE_PATH_INVALID: {
    family: 'request',
    meaning: 'The path of a resource is not repository/type/tag.',
    action: 'Use three segments of letters, digits, "_", "-" and, not at the beginning, ".".',
  },
  TRUSTEE_POLICY_NOT_NAMED: {
    family: 'request',
    meaning: 'A trustee policy command names no policy, or two.',
    action: 'Give either --file or --preset; presets are resource policies.',
  },
  TRUSTEE_REFERENCE_INVALID: {
    family: 'request',
    meaning: 'A reference value is not of the type that was asked for.',
    action: 'Look at --as-integer, --as-bool and --as-single-value.',
  },
  EVIDENCE_UNRECOGNISED: {
    family: 'malformed',
    meaning: 'A file holds no evidence of a known form, or one that was cut or damaged.',
    action: 'Run holdfast evidence inspect --help for the forms that are recognised.',
  },
  EVIDENCE_UNREADABLE: {
    family: 'request',
    meaning: 'A path of evidence cannot be read, is too large, or is a folder without a security context.',
    action: 'Name a file, or a security-context folder.',
  },
  EVIDENCE_AMBIGUOUS: {
    family: 'request',
    meaning: 'The files given together hold a part of evidence twice.',
    action: 'Give the files of one piece of evidence at a time.',
  },
  EVIDENCE_NOTHING_TO_JUDGE: {
    family: 'request',
    meaning: 'The files given hold nothing that can be judged by itself.',
    action: 'Give the evidence they belong to as well, or use holdfast evidence inspect.',
  },
  EVIDENCE_ROOT_INVALID: {
    family: 'request',
    meaning: 'A file named with --root holds no certificates.',
    action: 'Name a file of certificates, PEM or DER.',
  },
  EVIDENCE_EXPECTATION_INVALID: {
    family: 'request',
    meaning: 'What holdfast evidence verify was told to expect contradicts itself, or its file cannot be read.',
    action: 'Give each expectation once, and files that can be read.',
  },
  EVIDENCE_EXPECTATION_UNCHECKED: {
    family: 'verification',
    meaning: 'An expectation was given, and nothing in the evidence can be compared with it.',
    action: 'Give the part of the evidence that shows it, or leave the expectation out.',
  },
  EVIDENCE_ISSUER_UNSUITABLE: {
    family: 'request',
    meaning: 'A token names no https address as its issuer, so its keys cannot be fetched.',
    action: "Give the issuer's key set as another file.",
  },
  EVIDENCE_FETCH_FAILED: {
    family: 'dependency',
    meaning: 'The key service or the issuer of a token answered with an error.',
    action: 'Try again, or give the missing part as another file.',
  },
  INITDATA_OPTIONS_CONFLICT: {
    family: 'request',
    meaning: 'Options of an initdata command do not go together, or ask for what the input does not have.',
    action: 'See the help of the command.',
  },
  INITDATA_UNSOUND: {
    family: 'malformed',
    meaning: 'A guest would not start, or not work, with the initdata that was to be built.',
    action: 'Correct what is listed; nothing was written.',
  },
  USAGE: {
    family: 'request',
    meaning: 'The command line names a command, option or argument that does not exist, or lacks one.',
    action: 'Run holdfast --help, or the command with --help.',
  },
  INPUT_MISSING: {
    family: 'request',
    meaning: 'The command needs an input that was given neither as an argument nor on standard input.',
    action: 'Give the input as an argument, or pipe it into standard input.',
  },
  INPUT_TOO_LARGE: {
    family: 'request',
    meaning: 'Standard input is longer than a command reads.',
    action: 'Split the input.',
  },
  PEER_PODS_CLUSTER_UNNAMED: {
    family: 'request',
    meaning: 'A command for the cluster of peer pods does not know which cluster.',
    action: 'Give --kubeconfig, or set KUBECONFIG.',
  },
  PEER_PODS_NOT_CONFIGURED: {
    family: 'request',
    meaning: 'A configuration says not enough about the machines of peer pods.',
    action: 'Use profile peer-pods with podVms and tenantId, as examples/peer-pods.yaml has it.',
  },
  PEER_POD_OPTIONS_CONFLICT: {
    family: 'request',
    meaning: 'Flags of holdfast peer-pods run do not go together.',
    action: 'Read the message: it names the flags.',
  },
  PEER_POD_SEAL_INVALID: {
    family: 'request',
    meaning: 'A secret cannot be sealed: a resource is not named by its URI, or the key is none on P-256.',
    action: 'Name resources as kbs:///REPOSITORY/TYPE/TAG, and a PEM file with a private key on P-256.',
  },
  PEER_POD_RESOURCE_BINARY: {
    family: 'request',
    meaning: 'A resource is no text, so it cannot be shown.',
    action: 'Name a file for it with --output, or take --json.',
  },
  PEER_POD_OUTPUT_UNWRITABLE: {
    family: 'request',
    meaning: 'The file of --output cannot be written.',
    action: 'Check the path and the permissions of its folder.',
  },
  UID2_CONNECTION_INCOMPLETE: {
    family: 'request',
    meaning: 'Only one of UID2_API_KEY and UID2_CLIENT_SECRET is set.',
    action: 'Set both, or neither to use the local cloud.',
  },
  UID2_ADDRESS_INVALID: {
    family: 'request',
    meaning: "The operator's address is not an http or https URL.",
    action: 'Give the operator as in http://127.0.0.1:8080.',
  },
  CONFIRMATION_REQUIRED: {
    family: 'request',
    meaning: 'A change would cut somebody off, and there is no terminal to ask on.',
    action: 'Read who is cut off, and add --yes to do it anyway.',
  },
  CONFIRMATION_DECLINED: {
    family: 'request',
    meaning: 'A change would have cut somebody off, and the person at the terminal said no.',
    action: 'Nothing was changed.',
  },
  WORLD_MISSING: {
    family: 'request',
    meaning: 'The folder or container given as a UID2 world holds none.',
    action: 'Run holdfast up once, name the folder with --home or --world, or import an exported world.',
  },
  WORLD_ADDRESS_INVALID: {
    family: 'request',
    meaning: 'The URL given with --world is not that of a blob container.',
    action:
      'Give https://<account>.blob.core.windows.net/<container> without a signature, or a folder; an account key belongs into the environment.',
  },
  WORLD_INCOMPLETE: {
    family: 'malformed',
    meaning: 'The metadata of a store name an object that is not there.',
    action: 'Restore the object from a copy, or import an exported world.',
  },
  WORLD_LOCKED: {
    family: 'dependency',
    meaning: 'Another administrator is changing the same world.',
    action: 'Try again when that command is done.',
  },
  WORLD_UNWRITABLE: {
    family: 'dependency',
    meaning: 'The folder of the world cannot be written to.',
    action: 'Check that it exists and belongs to you, or name another one with --world.',
  },
  WORLD_EXPORT_MALFORMED: {
    family: 'malformed',
    meaning: 'A file is no exported world, or was damaged.',
    action: 'Give a file that holdfast uid2 export wrote.',
  },
  WORLD_EXPORT_UNREADABLE: {
    family: 'dependency',
    meaning: 'The file to import cannot be read.',
    action: 'Name a file that holdfast uid2 export wrote.',
  },
  WORLD_EXPORT_FAILED: {
    family: 'dependency',
    meaning: 'The exported world cannot be written to the file.',
    action: 'Name a file in a folder you may write to.',
  },
  INPUT_UNREADABLE: {
    family: 'request',
    meaning: 'A file that the command line names cannot be read, or does not hold what the command takes.',
    action: 'Check the path, the permissions and the content of the file.',
  },
  KEY_OPTIONS_CONFLICT: {
    family: 'request',
    meaning: 'Options of a key command do not go together, or lack one another.',
    action: 'See the help of the command.',
  },
  KEY_NOT_EXPORTABLE: {
    family: 'policy',
    meaning: 'The key has no release policy, so it is never released.',
    action: 'Create or import a key with --policy or --attestation; an existing key cannot become exportable.',
  },
  SAMPLE_NOTHING_TO_MIGRATE: {
    family: 'request',
    meaning: 'The voting sample was told to leave pod identity, and to begin without it.',
    action: 'Leave --identity or --migrate out.',
  },
  SAMPLE_NEEDS_REDIS: {
    family: 'dependency',
    meaning: 'The voting sample runs against a real Redis, and redis-server is not on this machine.',
    action: 'Install it (apt install redis-server), or name it with HOLDFAST_REDIS_SERVER.',
  },
  SAMPLE_NOT_AS_EXPECTED: {
    family: 'dependency',
    meaning:
      'A sample did not do what it shows: messages that did not arrive or were readable where they must not be, or the other way round; a pod that did not become ready or got what it must not get.',
    action: 'Read the message, and the logs in the home folder of the sample.',
  },
  VAULT_NOT_NAMED: {
    family: 'request',
    meaning: 'A key command was given no vault, and no local cloud runs in the home folder.',
    action: 'Give --vault https://NAME.vault.azure.net, or start holdfast up; --home names its folder.',
  },
  SIDECAR_REFUSED: {
    family: 'dependency',
    meaning: 'The sidecar of the pod did not release the key.',
    action: 'Read its answer: it names the step that failed. The log of the vault names the claim.',
  },
  POLICY_INPUT_UNREADABLE: {
    family: 'request',
    meaning: 'A file of a policy command is missing, no text, too large, or of a kind that the command does not take.',
    action: 'Name a file of a kind that the command takes; its help lists them.',
  },
  POLICY_OPTIONS_CONFLICT: {
    family: 'request',
    meaning: 'Options of a policy command, or the files they name, do not go together.',
    action: 'See the help of the command.',
  },
  POLICY_SIGNING_KEY_UNUSABLE: {
    family: 'malformed',
    meaning:
      'A file that was given as the key of a fragment is no private key, or one of a kind that fragments are not signed with.',
    action: 'Give a private key in PEM form, EC P-384 or RSA.',
  },
  POLICY_OUTPUT_UNWRITABLE: {
    family: 'request',
    meaning: 'A policy command cannot write the file it should.',
    action: 'Name a file in a folder you may write to.',
  },
  POLICY_LAYER_UNREADABLE: {
    family: 'request',
    meaning: 'The file that should hold an image layer cannot be read.',
    action: 'Name the tar archive of one layer; it may be compressed with gzip or zstd.',
  },
  POLICY_LAYER_STOPPED: {
    family: 'request',
    meaning: 'The command was stopped while it hashed a layer.',
    action: 'Repeat the command.',
  },
  DEPLOYMENT_CONFIG_INVALID: {
    family: 'config',
    meaning: 'The configuration of a deployment has problems, which are listed with their lines.',
    action: 'Correct them; docs/guides/deployment.md explains every setting.',
  },
  CHECK_UNKNOWN: {
    family: 'request',
    meaning: 'holdfast doctor --only names a check that does not exist.',
    action: 'Take the ids from docs/reference/doctor.md.',
  },
  EXPORT_FOLDER_MISSING: {
    family: 'request',
    meaning: 'holdfast export all was not told where to write.',
    action: 'Name a folder with --out.',
  },
  RELEASE_OPTION_INVALID: {
    family: 'request',
    meaning: 'An option of holdfast release cannot be used, or not together with another.',
    action: 'Run holdfast release build --help.',
  },
  RELEASE_BASE_UNUSABLE: {
    family: 'request',
    meaning: 'The base image of a release cannot be found where the command looks for it.',
    action: 'Name an image of a registry, or the folder or archive of one image.',
  },
  RELEASE_INPUT_UNREADABLE: {
    family: 'request',
    meaning: 'A release, or a file that belongs to it, cannot be read.',
    action: 'Name a release.json, the bundle, or its folder.',
  },
  RELEASE_OUTPUT_UNWRITABLE: {
    family: 'request',
    meaning: 'A file of a release cannot be written.',
    action: 'Name a folder you may write to with --out.',
  },
  STATE_NAME_INVALID: {
    family: 'request',
    meaning: 'A name of a state file has characters that are not allowed, or leaves its folder.',
    action: 'Use letters, digits, dots, dashes and underscores.',
  },
  STATE_UNUSABLE: {
    family: 'request',
    meaning: 'A file of the state of deployments cannot be read or written.',
    action: 'Check the permissions of the folder and the space on its disk.',
  },
  PROBE_UNREACHABLE: {
    family: 'dependency',
    meaning: 'A server that is asked for its health or prices cannot be reached from this machine.',
    action: 'Check that the server runs, its address is right, and the network lets this machine reach it.',
  },
  PROBE_TIMEOUT: {
    family: 'dependency',
    meaning: 'A server that is asked for its health or prices does not answer in time.',
    action: 'Check that the server runs and is not overloaded.',
  },
  LOCAL_CLOUD_ABSENT: {
    family: 'dependency',
    meaning: 'No local cloud runs in the home folder.',
    action: 'Start one with holdfast up, or name its folder with --home.',
  },
  LOCAL_CLOUD_NOT_STARTED: {
    family: 'dependency',
    meaning: 'A local cloud was started in the background for an apply, and it ended or was not ready in time.',
    action: 'Read logs/cloud.log of the home folder.',
  },
  LOCAL_CLOUD_NOT_STOPPED: {
    family: 'dependency',
    meaning: 'The local cloud was asked to stop and still runs.',
    action: 'Read logs/cloud.log of the home folder, or end the process that the message names.',
  },
  LOCAL_CLOUD_UNREADABLE: {
    family: 'malformed',
    meaning: 'What a local cloud says about itself cannot be read.',
    action: 'Stop the local cloud and start it again with holdfast up.',
  },
  SUBNET_INVALID: {
    family: 'request',
    meaning: 'A range of addresses given to a command is none.',
    action: 'Write it as 10.20.0.0/24.',
  },
  SUBSCRIPTION_UNKNOWN: {
    family: 'request',
    meaning: 'Azure is to be asked, and neither the configuration nor the environment names a subscription.',
    action: 'Set subscriptionId, or AZURE_SUBSCRIPTION_ID.',
  },
  STAGE_UNKNOWN: {
    family: 'request',
    meaning: 'A stage is named that there is none of.',
    action: 'Stages are S0 to S9; docs/guides/deployment.md lists them.',
  },
  BUNDLE_UNNAMED: {
    family: 'request',
    meaning: 'An upgrade is asked for, and the configuration names no release.',
    action: 'Set operator.bundle to the new release and its published digest.',
  },
  PROFILE_UNSUPPORTED: {
    family: 'request',
    meaning: 'An operation on the operator is asked for, and the configuration has another profile.',
    action: 'Name the configuration of an operator with -f.',
  },
  POD_UNNAMED: {
    family: 'request',
    meaning: 'A pod is to be looked at, and the profile does not say which.',
    action: 'Give its name, and its namespace with --namespace.',
  },
  ROTATE_OPTIONS_CONFLICT: {
    family: 'request',
    meaning: '--finish and --rollback exclude each other.',
    action: 'Give one of them.',
  },
  AKS_CLUSTER_ABSENT: {
    family: 'request',
    meaning: 'A command names an AKS cluster that does not exist.',
    action: 'Check --cluster-name, --resource-group and --subscription.',
  },
  CLUSTER_IDENTITY_UNKNOWN: {
    family: 'dependency',
    meaning: 'A cluster has no managed identity that a role could be given to.',
    action: 'Assign Managed Identity Operator to its service principal by hand.',
  },
  IDENTITY_ABSENT: {
    family: 'request',
    meaning: 'A command names a managed identity that does not exist.',
    action: 'Create it with az identity create, and give its id.',
  },
  POD_IDENTITY_ABSENT: {
    family: 'request',
    meaning: 'A cluster has no pod identity or exception of the given name.',
    action: 'Run holdfast identity list to see what there is.',
  },
  POD_IDENTITY_FAILED: {
    family: 'request',
    meaning: 'The add-on could not attach a managed identity to the nodes.',
    action: 'Correct what the message names, and run the command again.',
  },
  POD_IDENTITY_NAME_INVALID: {
    family: 'request',
    meaning: 'A pod identity, an exception or a namespace has a name that Kubernetes does not take.',
    action: 'Use lower-case letters, digits, - and . only.',
  },
  POD_IDENTITY_LIMIT: {
    family: 'policy',
    meaning: 'A cluster has as many pod identities or exceptions as the add-on takes.',
    action: 'Delete one that is not used, or migrate with holdfast identity detect.',
  },
  POD_IDENTITY_KUBENET: {
    family: 'policy',
    meaning: 'The cluster uses kubenet, where pods can take the address of another (CVE-2021-1677).',
    action: 'Use a cluster with Azure CNI, or accept the risk with --allow-kubenet.',
  },
  POD_IDENTITY_DISABLED: {
    family: 'policy',
    meaning: 'The pod identity add-on of a cluster is off.',
    action: 'Turn it on with --enable; new clusters should use workload identity instead.',
  },
  POD_LABELS_INVALID: {
    family: 'request',
    meaning: 'A label of an exception is not KEY=VALUE.',
    action: 'Give --pod-labels once for each label.',
  },
  DETECT_SOURCE: {
    family: 'request',
    meaning: 'It is not said, or said twice, where pod identities are to be looked for.',
    action: 'Name manifests, or a cluster with --cluster-name or --kubeconfig.',
  },
  REDIRECT_OPTIONS: {
    family: 'request',
    meaning: 'The options of a redirection do not say what to do, or hold something that is no address.',
    action: 'Give one of --apply, --remove and --print.',
  },
};
