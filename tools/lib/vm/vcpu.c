// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPUs: the commands they carry out (guest.S), their threads. See vm.h.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm_internal.h"

#define CMD_AT(field, off) \
	static_assert(offsetof(struct guest_cmd, field) == (off), #field)
CMD_AT(op, GUEST_CMD_OP);
CMD_AT(start, GUEST_CMD_START);
CMD_AT(count, GUEST_CMD_COUNT);
CMD_AT(stride, GUEST_CMD_STRIDE);
CMD_AT(value, GUEST_CMD_VALUE);
CMD_AT(passes, GUEST_CMD_PASSES);
CMD_AT(stop, GUEST_CMD_STOP);
CMD_AT(done, GUEST_CMD_DONE);
CMD_AT(result, GUEST_CMD_RESULT);
CMD_AT(bad_gva, GUEST_CMD_BAD_GVA);
CMD_AT(bad_value, GUEST_CMD_BAD_VALUE);
CMD_AT(vector, GUEST_CMD_VECTOR);
CMD_AT(error, GUEST_CMD_ERROR);
CMD_AT(rip, GUEST_CMD_RIP);
CMD_AT(cr2, GUEST_CMD_CR2);

struct vcpu *vcpu_create(struct vm *vm, unsigned int id)
{
	struct vcpu *vcpu = calloc(1, sizeof(*vcpu));

	if (!vcpu)
		vm_die("out of memory");
	if (id >= VM_VCPUS_MAX)
		vm_die("vCPU id %u: only ids below %u are supported", id, VM_VCPUS_MAX);
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->pt = vm->pt;
	pthread_mutex_init(&vcpu->lock, NULL);
	pthread_cond_init(&vcpu->changed, NULL);

	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)id);
	if (vcpu->fd < 0)
		vm_die("KVM_CREATE_VCPU %u: %s", id, strerror(errno));
	vcpu->run = mmap(NULL, vm->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		vm_die("mmap of vCPU %u's %zu bytes of kvm_run: %s", id, vm->run_bytes,
		       strerror(errno));
	vcpu->cmd = (struct guest_cmd *)((char *)vm->sys + SYS_VCPUS +
					 id * (size_t)GUEST_VCPU_BYTES);
	vcpu_arch_create(vcpu);
	vcpu_arch_reset(vcpu);
	vcpu->next = vm->vcpus;
	vm->vcpus = vcpu;
	return vcpu;
}

static void vcpu_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	vcpu->mmio_gpa = run->mmio.phys_addr;
	if (run->mmio.is_write)
		vcpu->mmio_writes++;
	else
		vcpu->mmio_reads++;

	if (vcpu->vm->mmio)
		vcpu->vm->mmio(vcpu, run);
	else if (!run->mmio.is_write)
		memcpy(run->mmio.data, &vcpu->vm->mmio_value, sizeof(run->mmio.data));
}

/* Run until the guest reports. 0, or what vcpu_exec() documents. */
static int vcpu_run(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	int ret;

	for (;;) {
		if (ioctl(vcpu->fd, KVM_RUN, 0)) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		ret = vcpu_arch_exit(vcpu);
		if (ret <= 0)
			return ret;
		switch (run->exit_reason) {
		case KVM_EXIT_MMIO:
			vcpu_mmio(vcpu);
			break;
		case KVM_EXIT_INTR:
			break;
		case KVM_EXIT_SHUTDOWN:
			return -ESHUTDOWN;
		case KVM_EXIT_INTERNAL_ERROR:
			fprintf(stderr, "vCPU %u: KVM_EXIT_INTERNAL_ERROR, suberror %u\n",
				vcpu->id, run->internal.suberror);
			return -EIO;
		default:
			fprintf(stderr, "vCPU %u: exit reason %u is not handled\n", vcpu->id,
				run->exit_reason);
			return -EIO;
		}
	}
}

/* vcpu_exec() without a change to `stop`, which vcpu_stop() may have set. */
static int vcpu_do(struct vcpu *vcpu, const struct guest_op *op, struct guest_result *res)
{
	uint64_t reads = vcpu->mmio_reads, writes = vcpu->mmio_writes, start;
	uint64_t stride = op->stride ? op->stride : SZ_4K;
	struct guest_cmd *cmd = vcpu->cmd;
	int ret;

	cmd->op = op->op;
	cmd->start = op->start;
	cmd->count = (op->bytes + stride - 1) / stride;
	cmd->stride = stride;
	/* Not read by the guest: QEMU 10 lets reads of CR3 pass, which gives it shadow tables. */
	cmd->value = op->op == GUEST_OP_CR3 ? guest_pt_root(vcpu->pt) : op->value;
	cmd->passes = op->until_stop ? 0 : op->passes ? op->passes : 1;
	cmd->done = 0;
	cmd->result = 0;
	cmd->bad_gva = 0;
	cmd->bad_value = 0;
	cmd->vector = GUEST_NO_EXCEPTION;

	if (vcpu->lost)
		vcpu_arch_reset(vcpu);
	start = vm_now_ns();
	ret = vcpu_run(vcpu);
	memset(res, 0, sizeof(*res));
	res->ns = vm_now_ns() - start;

	if (!ret && cmd->vector != (uint64_t)GUEST_NO_EXCEPTION)
		ret = -EPROTO;
	vcpu->lost = ret != 0;
	res->value = cmd->result;
	res->passes = cmd->done;
	res->bad_gva = cmd->bad_gva;
	res->bad_value = cmd->bad_value;
	res->mmio_reads = vcpu->mmio_reads - reads;
	res->mmio_writes = vcpu->mmio_writes - writes;
	res->mmio_gpa = vcpu->mmio_gpa;
	if (ret == -EPROTO) {
		res->vector = cmd->vector;
		res->error = cmd->error;
		res->rip = cmd->rip;
		res->cr2 = cmd->cr2;
	}
	return ret;
}

int vcpu_exec(struct vcpu *vcpu, const struct guest_op *op, struct guest_result *res)
{
	struct guest_result unused;

	/*
	 * KVM waits for an RCU grace period whenever a vCPU runs in another
	 * thread than before: keep to the one there is.
	 */
	if (vcpu->has_thread && !pthread_equal(pthread_self(), vcpu->thread)) {
		vcpu_start(vcpu, op);
		return vcpu_wait(vcpu, res);
	}
	__atomic_store_n(&vcpu->cmd->stop, 0, __ATOMIC_RELEASE);
	return vcpu_do(vcpu, op, res ? res : &unused);
}

const char *vcpu_strerror(int ret)
{
	switch (ret) {
	case -EPROTO:
		return "the guest took an exception";
	case -ESHUTDOWN:
		return "the guest shut down (triple fault)";
	case -EIO:
		return "an exit that is not handled";
	default:
		return strerror(-ret);
	}
}

void vcpu_must(struct vcpu *vcpu, const struct guest_op *op, struct guest_result *res)
{
	struct guest_result unused;
	int ret;

	if (!res)
		res = &unused;
	ret = vcpu_exec(vcpu, op, res);
	if (ret == -EPROTO)
		vm_die("vCPU %u, operation %u at 0x%lx: exception %u, error code 0x%lx, rip 0x%lx, cr2 0x%lx",
		       vcpu->id, op->op, op->start, res->vector, res->error, res->rip,
		       res->cr2);
	if (ret)
		vm_die("vCPU %u, operation %u at 0x%lx: %s", vcpu->id, op->op, op->start,
		       vcpu_strerror(ret));
}

void vcpu_read(struct vcpu *vcpu, uint64_t gva, uint64_t bytes)
{
	struct guest_op op = { .op = GUEST_OP_READ, .start = gva, .bytes = bytes };

	vcpu_must(vcpu, &op, NULL);
}

void vcpu_write(struct vcpu *vcpu, uint64_t gva, uint64_t bytes, uint64_t value)
{
	struct guest_op op = {
		.op = GUEST_OP_WRITE, .start = gva, .bytes = bytes, .value = value,
	};

	vcpu_must(vcpu, &op, NULL);
}

uint64_t vcpu_read64(struct vcpu *vcpu, uint64_t gva)
{
	struct guest_op op = { .op = GUEST_OP_READ, .start = gva, .bytes = 8 };
	struct guest_result res;

	vcpu_must(vcpu, &op, &res);
	return res.value;
}

void vcpu_write64(struct vcpu *vcpu, uint64_t gva, uint64_t value)
{
	vcpu_write(vcpu, gva, 8, value);
}

void vcpu_stamp(struct vcpu *vcpu, uint64_t gva, uint64_t bytes, uint64_t value)
{
	struct guest_op op = {
		.op = GUEST_OP_STAMP, .start = gva, .bytes = bytes, .value = value,
	};

	vcpu_must(vcpu, &op, NULL);
}

uint64_t vcpu_mismatches(struct vcpu *vcpu, uint64_t gva, uint64_t bytes, uint64_t value,
			 struct guest_result *res)
{
	struct guest_op op = {
		.op = GUEST_OP_CHECK, .start = gva, .bytes = bytes, .value = value,
	};
	struct guest_result unused;

	if (!res)
		res = &unused;
	vcpu_must(vcpu, &op, res);
	return res->value;
}

void vcpu_check(struct vcpu *vcpu, uint64_t gva, uint64_t bytes, uint64_t value)
{
	struct guest_result res;

	if (vcpu_mismatches(vcpu, gva, bytes, value, &res))
		vm_die("vCPU %u: %lu of %lu pages are wrong, first 0x%lx: 0x%lx, expected 0x%lx",
		       vcpu->id, res.value, (bytes + SZ_4K - 1) / SZ_4K, res.bad_gva,
		       res.bad_value, guest_stamp(res.bad_gva, value));
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;

	pthread_mutex_lock(&vcpu->lock);
	for (;;) {
		while (vcpu->state != VCPU_BUSY && vcpu->state != VCPU_QUIT)
			pthread_cond_wait(&vcpu->changed, &vcpu->lock);
		if (vcpu->state == VCPU_QUIT)
			break;
		pthread_mutex_unlock(&vcpu->lock);
		vcpu->ret = vcpu_do(vcpu, &vcpu->op, &vcpu->res);
		pthread_mutex_lock(&vcpu->lock);
		vcpu->state = VCPU_DONE;
		pthread_cond_broadcast(&vcpu->changed);
	}
	pthread_mutex_unlock(&vcpu->lock);
	return NULL;
}

void vcpu_start(struct vcpu *vcpu, const struct guest_op *op)
{
	int err;

	if (!vcpu->has_thread) {
		err = pthread_create(&vcpu->thread, NULL, vcpu_thread, vcpu);
		if (err)
			vm_die("pthread_create for vCPU %u: %s", vcpu->id, strerror(err));
		vcpu->has_thread = true;
	}
	pthread_mutex_lock(&vcpu->lock);
	if (vcpu->state != VCPU_IDLE)
		vm_die("vCPU %u was started twice without vcpu_wait()", vcpu->id);
	vcpu->op = *op;
	__atomic_store_n(&vcpu->cmd->stop, 0, __ATOMIC_RELEASE);
	vcpu->state = VCPU_BUSY;
	pthread_cond_broadcast(&vcpu->changed);
	pthread_mutex_unlock(&vcpu->lock);
}

void vcpu_stop(struct vcpu *vcpu)
{
	__atomic_store_n(&vcpu->cmd->stop, 1, __ATOMIC_RELEASE);
}

int vcpu_wait(struct vcpu *vcpu, struct guest_result *res)
{
	int ret;

	pthread_mutex_lock(&vcpu->lock);
	if (vcpu->state == VCPU_IDLE)
		vm_die("vCPU %u is waited for without vcpu_start()", vcpu->id);
	while (vcpu->state != VCPU_DONE)
		pthread_cond_wait(&vcpu->changed, &vcpu->lock);
	vcpu->state = VCPU_IDLE;
	ret = vcpu->ret;
	if (res)
		*res = vcpu->res;
	pthread_mutex_unlock(&vcpu->lock);
	return ret;
}

void vcpu_close(struct vcpu *vcpu)
{
	if (vcpu->has_thread) {
		pthread_mutex_lock(&vcpu->lock);
		vcpu->state = VCPU_QUIT;
		pthread_cond_broadcast(&vcpu->changed);
		pthread_mutex_unlock(&vcpu->lock);
		pthread_join(vcpu->thread, NULL);
		vcpu->has_thread = false;
	}
	stats_close(vcpu->stats);
	vcpu->stats = NULL;
	munmap(vcpu->run, vcpu->vm->run_bytes);
	close(vcpu->fd);
	vcpu->fd = -1;
}

void vcpu_free(struct vcpu *vcpu)
{
	pthread_mutex_destroy(&vcpu->lock);
	pthread_cond_destroy(&vcpu->changed);
	free(vcpu);
}
