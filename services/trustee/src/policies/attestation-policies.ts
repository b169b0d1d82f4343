const head = `package policy

import rego.v1

# Values of draft-ietf-rats-ar4si: 2 and 3 affirm, 33 and 36 warn, 97 contradicts.
default executables := 33

default hardware := 97

default configuration := 36

trust_claims := {
	"executables": executables,
	"hardware": hardware,
	"configuration": configuration,
	"file-system": 0,
	"instance-identity": 0,
	"runtime-opaque": 0,
	"storage-opaque": 0,
	"sourced-data": 0,
}

# A reference value that is missing is null: nothing is a member of it.
known(value, name) if value in query_reference_value(name)

same(value, name) if {
	reference := query_reference_value(name)
	value == reference
	not is_null(reference)
}
`;

/** What becomes of a CPU's evidence. Azure guests have to boot with the PCRs that are known, PCR 8 with their init data. */
export const defaultCpuPolicy: string = `${head}
# Sample

executables := 3 if known(input.sample.launch_digest, "launch_digest")

hardware := 2 if {
	known(input.sample.svn, "svn")
	same(input.sample.platform_version.major, "major_version")
	minimum := query_reference_value("minimum_minor_version")
	is_number(minimum)
	input.sample.platform_version.minor >= minimum
}

configuration := 2 if input.sample.debug == false

# AMD SEV-SNP

executables := 3 if known(input.snp.measurement, "snp_launch_measurement")

hardware := 2 if {
	known(input.snp.reported_tcb_bootloader, "snp_bootloader")
	known(input.snp.reported_tcb_microcode, "snp_microcode")
	known(input.snp.reported_tcb_snp, "snp_snp_svn")
	known(input.snp.reported_tcb_tee, "snp_tee_svn")
}

snp_is_closed if {
	input.snp.policy_debug_allowed == false
	input.snp.policy_migrate_ma == false
}

snp_is_as_configured if {
	same(input.snp.platform_smt_enabled, "snp_smt_enabled")
	same(input.snp.platform_tsme_enabled, "snp_tsme_enabled")
	same(input.snp.policy_abi_major, "snp_guest_abi_major")
	same(input.snp.policy_abi_minor, "snp_guest_abi_minor")
	same(input.snp.policy_single_socket, "snp_single_socket")
	same(input.snp.policy_smt_allowed, "snp_smt_allowed")
}

configuration := 2 if {
	snp_is_closed
	snp_is_as_configured
} else := 3 if snp_is_closed

# AMD SEV-SNP on Azure, with a virtual TPM

azure_snp := input["az-snp-vtpm"]

executables := 3 if {
	every register in ["03", "08", "09", "11", "12"] {
		known(azure_snp.tpm[concat("", ["pcr", register])], concat("", ["snp_pcr", register]))
	}
}

hardware := 2 if azure_snp

configuration := 2 if azure_snp

# Parts of a workload that init data bind to the evidence

policy_containers := input.init_data_claims.agent_policy_claims.containers

container_images := [image |
	some container in policy_containers
	image := container.OCI.Annotations["io.kubernetes.cri.image-name"]
]

container_uids := [uid |
	some container in policy_containers
	uid := container.OCI.Process.User.UID
]

identifiers := {name: values |
	some name, values in {"container_images": container_images, "container_uids": container_uids}
	count(values) > 0
}

extensions := [{
	"name": "ear.trustee.identifiers",
	"key": -18,
	"value": {"validated": identifiers},
}]
`;

/** What becomes of the evidence of a device beside the CPU: only the sample device is known here. */
export const defaultGpuPolicy: string = `${head}
hardware := 2 if known(input.sampledevice.svn, "device_svn")
`;

/** The policies a broker starts with, by the key they are stored under. */
export const defaultAttestationPolicies: Readonly<Record<string, string>> = {
  'default_cpu.rego': defaultCpuPolicy,
  'default_gpu.rego': defaultGpuPolicy,
};
