import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  BUNDLE_MANIFEST_INVALID: {
    family: 'malformed',
    meaning: 'The manifest of an operator release cannot be read, or uses anchors, or there are several.',
    action: 'Use the bundle as UID2 sent it.',
  },
  BUNDLE_ZIP_INVALID: {
    family: 'malformed',
    meaning: 'The archive of an operator release is damaged, too large, encrypted, or holds paths that lead outside.',
    action: 'Get the bundle again from your UID2 contact.',
  },
  BUNDLE_REFUSED: {
    family: 'policy',
    meaning: 'An operator release is not what was published, or not of the known shape.',
    action: 'Look at the OB checks of holdfast doctor, and use the bundle as UID2 sent it.',
  },
  DEPLOYMENT_GRAPH_BROKEN: {
    family: 'internal',
    meaning: 'The resources of a deployment refer to each other in a way that cannot be carried out.',
    action: 'This is a defect of holdfast: report it with the configuration.',
  },
  OPERATOR_MANIFEST_CHANGED: {
    family: 'internal',
    meaning: 'The generated operator manifest differs from the release in a field that the policy measures.',
    action: 'This is a defect of holdfast: report it with the version of the release.',
  },
  ADOPTED_RESOURCE_IN_USE: {
    family: 'policy',
    meaning: 'A resource that exists and is only added to already has what would be added, from somebody else.',
    action: 'Use it as it is, or detach it yourself.',
  },
  ADOPTED_RESOURCE_MISSING: {
    family: 'policy',
    meaning: 'A resource that is only added to does not exist.',
    action: 'Correct its name in the configuration, or choose the mode that creates it.',
  },
  BUNDLE_MISSING: {
    family: 'policy',
    meaning: 'The operator is to be deployed, and the configuration names no release.',
    action: 'Set operator.bundle to what UID2 sent.',
  },
  CLUSTER_CREDENTIALS_MISSING: {
    family: 'dependency',
    meaning: 'Azure gives no credentials for the cluster.',
    action: 'Check that you have the role Azure Kubernetes Service Cluster User.',
  },
  CLUSTER_MISSING: {
    family: 'dependency',
    meaning: 'A stage needs the cluster, and it does not exist.',
    action: 'Run the command again from the start.',
  },
  DEPLOYMENT_BLOCKED: {
    family: 'policy',
    meaning: 'Checks of the doctor with severity error fail.',
    action: 'Run holdfast doctor for the remedies.',
  },
  DEPLOYMENT_DEADLINE: {
    family: 'dependency',
    meaning: 'Something took longer than it may. What Azure has begun goes on.',
    action: 'Follow the hint, and run the same command again: it goes on where it stopped.',
  },
  DEPLOYMENT_FAILED: {
    family: 'dependency',
    meaning: 'Azure refused or could not finish a deployment; the message names the deepest cause.',
    action: 'Follow the action of the message, and run the same command again.',
  },
  DEPLOYMENT_INTERRUPTED: {
    family: 'request',
    meaning: 'Somebody interrupted the command. What Azure has begun goes on.',
    action: 'Run the same command again: it goes on where it stopped.',
  },
  DEPLOYMENT_LOCKED: {
    family: 'request',
    meaning: 'Another run is changing the same deployment.',
    action: 'Wait until it has ended.',
  },
  DEPLOYMENT_OTHER_SUBSCRIPTION: {
    family: 'request',
    meaning: 'The configuration names another subscription than the credential sees.',
    action: 'Set subscriptionId, or choose the subscription with az account set.',
  },
  DEPLOYMENT_REPLACE_NEEDED: {
    family: 'policy',
    meaning: 'A setting was changed that cannot be changed without making a resource anew.',
    action: 'Put the value back, or remove the resource yourself.',
  },
  DEPLOYMENT_STAGE_INCOMPLETE: {
    family: 'dependency',
    meaning: 'A stage ran without an error, and the cloud does not show what it should.',
    action: 'Look at the named resources, and run the same command again.',
  },
  DEPLOYMENT_VERSION_UNRESOLVED: {
    family: 'dependency',
    meaning: 'No Kubernetes version of the region fits.',
    action: 'Name a minor version in the configuration.',
  },
  OBJECT_CONFLICT: {
    family: 'dependency',
    meaning: 'A field of a Kubernetes object belongs to somebody else.',
    action: 'Give --adopt if kubectl or Helm set it; otherwise find out who does.',
  },
  OPERATOR_KEY_MISSING: {
    family: 'request',
    meaning: 'The operator key has to be written, and was not given.',
    action: 'Give it as operator.keySource says.',
  },
  OPERATOR_OTHER_VERSION: {
    family: 'policy',
    meaning: 'Another version of the operator serves than the configuration names.',
    action: 'Run holdfast upgrade operator.',
  },
  PLAN_FILE_INVALID: {
    family: 'malformed',
    meaning: 'A file is not a plan of this version of holdfast.',
    action: 'Make a new one with holdfast plan --out.',
  },
  PLAN_OUTDATED: {
    family: 'policy',
    meaning: 'The cloud, the configuration or the time is no longer that of the plan.',
    action: 'Make a new plan, read it, and apply that.',
  },
  RELEASE_RECORD_INVALID: {
    family: 'malformed',
    meaning: 'A release.json is not what holdfast release build writes.',
    action: 'Use the file as it was written, or build the release again.',
  },
  RELEASE_POLICY_MISSING: {
    family: 'internal',
    meaning: 'The policy of a release could not be made from its manifest.',
    action: 'Report it with the command that was run.',
  },
  PEER_PODS_NODE_ABSENT: {
    family: 'request',
    meaning: 'The cluster has no node of this name.',
    action: 'kubectl get nodes shows the names.',
  },
  PEER_PODS_NODE_OWNED: {
    family: 'request',
    meaning: 'Somebody else offers machines of peer pods on the node, usually the cloud API adaptor.',
    action: 'Withdraw as that owner, or give --take-over when the owner is gone.',
  },
  PEER_PODS_NODE_UNPATCHED: {
    family: 'dependency',
    meaning: 'The way to the cluster has no means to change the status of a node.',
    action: 'Use a kubeconfig with which kubectl patch --subresource=status works.',
  },
  PEER_PODS_OBJECTS_INVALID: {
    family: 'malformed',
    meaning: 'A file with the settings of peer pods is no YAML, or holds no ConfigMap peer-pods-cm.',
    action: 'Give the file with peer-pods-cm, and peer-pods-secret after a line with ---.',
  },
  INSTANCE_CATALOGUE_INVALID: {
    family: 'malformed',
    meaning: 'A list of the sizes of machines that a region offers has another form.',
    action: 'Give a JSON list of {"type", "vcpus", "memoryMiB", "gpus"}.',
  },
  POD_NOT_FOUND: {
    family: 'request',
    meaning: 'A pod that is to be looked at does not exist.',
    action: 'Leave the name out to look at all pods of the operator.',
  },
  CLUSTER_ABSENT: {
    family: 'request',
    meaning: 'The cluster that is to be worked on does not exist.',
    action: 'Deploy it first: holdfast apply.',
  },
  OPERATOR_NOT_DEPLOYED: {
    family: 'request',
    meaning: 'There is no operator to upgrade: its Service or its Deployment is missing.',
    action: 'Deploy it first: holdfast apply.',
  },
  UPGRADE_BLOCKED: {
    family: 'request',
    meaning: 'An upgrade cannot begin: something is under way, not ready, not offered, or in the wrong order.',
    action: 'Do what the message says, then run the same command again.',
  },
  UPGRADE_SLOT_TAKEN: {
    family: 'policy',
    meaning: 'A version of the operator runs already, with another policy than the bundle of the same version.',
    action: 'Set operator.bundle.version to what tells the two apart.',
  },
  INTEG_NOT_PROVEN: {
    family: 'request',
    meaning: 'A release is to go to prod, and no receipt says that it ran healthily in integ.',
    action: 'Run it in integ first, or add --skip-integ.',
  },
  UPGRADE_UNHEALTHY: {
    family: 'dependency',
    meaning: 'A new version of the operator is not well, and there is nothing to go back to, or it got no request yet.',
    action: 'holdfast diagnose says why.',
  },
  UPGRADE_LOST_PODS: {
    family: 'dependency',
    meaning: 'Pods of the operator ended while the virtual node was upgraded.',
    action: 'Wait until their Deployment has started others, then run the same command again.',
  },
  ROLLBACK_NOWHERE: {
    family: 'request',
    meaning: 'There is no version to go back to, neither in the cluster nor stored.',
    action: 'Name one with --to, or deploy another release.',
  },
  ROLLBACK_UNHEALTHY: {
    family: 'dependency',
    meaning: 'The version that was gone back to is not well either.',
    action: 'holdfast diagnose says why.',
  },
  SECRET_MISSING: {
    family: 'request',
    meaning: 'The vault has no secret with the operator key.',
    action: 'Write the first key with holdfast apply.',
  },
  KEY_ROTATION_NOTHING: {
    family: 'request',
    meaning: 'There is no rotation to finish or to take back.',
    action: 'Only what holdfast rotate-key wrote can be finished or taken back.',
  },
  KEY_REFUSED: {
    family: 'dependency',
    meaning: 'Core refused the first pod that started with a new operator key.',
    action: 'Run holdfast rotate-key --rollback, and ask your UID2 contact.',
  },
  KEY_UNREADABLE: {
    family: 'dependency',
    meaning: 'The version of the secret before the current one cannot be read, so it cannot be written again.',
    action: 'Get the right Key Vault Secrets Officer, or give the old key to holdfast rotate-key as a new one.',
  },
  DESTROY_LOCKED: {
    family: 'request',
    meaning: 'Locks protect what would be removed.',
    action: 'Remove the locks if that is what you want, then run the same command again.',
  },
  VAULT_PURGE_PROTECTED: {
    family: 'policy',
    meaning: 'A vault with purge protection is to be purged, which nobody can before its day.',
    action: 'Leave --purge out.',
  },
  VAULT_ELSEWHERE: {
    family: 'policy',
    meaning: 'A deleted vault is to be brought back into another group than it was in.',
    action: 'Choose another vault.name, or the group that it was in.',
  },
  VAULT_NOT_PURGED: {
    family: 'dependency',
    meaning: 'A vault was deleted, and could not be purged.',
    action: 'Purge it with the right to do so: az keyvault purge.',
  },
};
