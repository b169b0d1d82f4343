/** What the commands of the guides do without saying so, and what the graph does about it. */
export interface HiddenEffect {
  readonly command: string;
  readonly effect: string;
  readonly answer: string;
}

export const hiddenEffects: readonly HiddenEffect[] = [
  {
    command: 'az aks create',
    effect: 'Asks a question, and gives the cluster the role Network Contributor on its subnet.',
    answer: 'R-RA-SUBNET writes the role down.',
  },
  {
    command: 'az role assignment create --assignee',
    effect: 'Asks the directory for the object id of a client id, which needs a right of its own.',
    answer: 'Assignments carry the object id and the kind of principal.',
  },
  {
    command: 'az keyvault create --enable-rbac-authorization',
    effect: 'Gives its creator no right to write secrets: the next command fails with ForbiddenByRbac.',
    answer: 'The secret is written through Azure Resource Manager, which needs no such right (R-SECRET).',
  },
  {
    command: 'az aks get-credentials',
    effect: 'Changes the kubeconfig of whoever runs it.',
    answer: 'Credentials stay in memory.',
  },
  {
    command: 'az network vnet subnet update --nat-gateway',
    effect: 'Reads, changes and writes the subnet while others may do the same.',
    answer: 'The subnet is written once, with its gateway, inside the network.',
  },
  {
    command: 'git clone',
    effect: 'Takes whatever the chart is that day, and needs an SSH key.',
    answer: 'The virtual node is pinned and its objects are part of the export.',
  },
  {
    command: 'az network vnet subnet create',
    effect: 'Newer versions of the interface make subnets private by default.',
    answer: 'The subnet of the container groups says defaultOutboundAccess false; that of the nodes is left alone.',
  },
];

/** Rules for running the same thing again; breaking one destroys something. */
export const idempotenceRules: readonly { readonly rule: string; readonly because: string }[] = [
  {
    rule: 'Deployments are incremental, never complete.',
    because: 'Complete mode deletes what others put into the group.',
  },
  { rule: 'A network is written with all its subnets.', because: 'A subnet that is left out is deleted.' },
  {
    rule: 'The delegation and the range of the subnet of the container groups stay while groups run.',
    because: 'The service refuses, or strands the groups.',
  },
  {
    rule: 'A cluster is read, changed and written; nothing is written when nothing differs.',
    because: 'What is left out is reset.',
  },
  {
    rule: 'The number of nodes of a scaled pool is what it is now.',
    because: 'The configured one would scale it down.',
  },
  { rule: 'The patch version is what it is now.', because: 'The channel moves it, and a lower one is refused.' },
  { rule: 'Purge protection is only ever switched on.', because: 'It cannot be switched off.' },
  {
    rule: 'Firewall settings of a vault are written at creation only.',
    because: 'Defaults would open what somebody closed.',
  },
  { rule: 'Addresses of others on the NAT gateway stay.', because: 'They may be on somebody’s allow-list.' },
  { rule: 'A secret is written when its fingerprint differs.', because: 'Each write is a new version.' },
  { rule: 'Tags of others stay.', because: 'A write replaces all of them.' },
];
