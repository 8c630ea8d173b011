// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM's statistics by name, through KVM_GET_STATS_FD, and module parameters. The file
 * format is described in section 4.133 of Documentation/virt/kvm/api.rst.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vm_internal.h"

struct stats {
	int fd;
	struct kvm_stats_header header;
	size_t desc_bytes;	/* of one descriptor, its name included */
	char *descs;
};

void stats_close(struct stats *stats)
{
	if (!stats)
		return;
	/* The descriptor holds a reference to the VM. */
	close(stats->fd);
	free(stats->descs);
	free(stats);
}

static int stats_open(int kvm_fd, struct stats **out)
{
	struct stats *s = calloc(1, sizeof(*s));
	ssize_t bytes;
	int ret;

	if (!s)
		return -ENOMEM;
	s->fd = ioctl(kvm_fd, KVM_GET_STATS_FD, NULL);
	if (s->fd < 0) {
		ret = -errno;
		free(s);
		return ret;
	}
	ret = -EIO;
	if (pread(s->fd, &s->header, sizeof(s->header), 0) != sizeof(s->header))
		goto fail;
	s->desc_bytes = sizeof(struct kvm_stats_desc) + s->header.name_size;
	bytes = s->desc_bytes * s->header.num_desc;
	s->descs = malloc(bytes);
	if (!s->descs || pread(s->fd, s->descs, bytes, s->header.desc_offset) != bytes)
		goto fail;
	*out = s;
	return 0;
fail:
	stats_close(s);
	return ret;
}

static int stats_get(int kvm_fd, struct stats **stats, const char *name, uint64_t *values,
		     unsigned int nr)
{
	struct stats *s;
	unsigned int i;
	int ret;

	if (!*stats) {
		ret = stats_open(kvm_fd, stats);
		if (ret)
			return ret;
	}
	s = *stats;
	for (i = 0; i < s->header.num_desc; i++) {
		struct kvm_stats_desc *d = (void *)(s->descs + i * s->desc_bytes);

		if (strncmp(d->name, name, s->header.name_size))
			continue;
		if (d->size != nr)
			return -EINVAL;
		if (pread(s->fd, values, nr * sizeof(*values), s->header.data_offset + d->offset) !=
		    (ssize_t)(nr * sizeof(*values)))
			return -EIO;
		return 0;
	}
	return -ENOENT;
}

int vm_stat(struct vm *vm, const char *name, uint64_t *value)
{
	return stats_get(vm->fd, &vm->stats, name, value, 1);
}

int vm_stat_hist(struct vm *vm, const char *name, uint64_t *buckets, unsigned int nr)
{
	return stats_get(vm->fd, &vm->stats, name, buckets, nr);
}

int vcpu_stat(struct vcpu *vcpu, const char *name, uint64_t *value)
{
	return stats_get(vcpu->fd, &vcpu->stats, name, value, 1);
}

int vm_vcpus_stat(struct vm *vm, const char *name, uint64_t *value)
{
	uint64_t sum = 0, one;
	struct vcpu *vcpu;
	int ret;

	for (vcpu = vm->vcpus; vcpu; vcpu = vcpu->next) {
		ret = vcpu_stat(vcpu, name, &one);
		if (ret)
			return ret;
		sum += one;
	}
	*value = sum;
	return 0;
}

static void param_path(const char *module, const char *name, char *path, size_t bytes)
{
	snprintf(path, bytes, "/sys/module/%s/parameters/%s", module, name);
}

int kvm_param_get(const char *module, const char *name, char *buf, size_t bytes)
{
	char path[256];
	ssize_t got;
	int fd;

	param_path(module, name, path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	got = read(fd, buf, bytes - 1);
	if (got < 0) {
		got = -errno;
		close(fd);
		return got;
	}
	close(fd);
	buf[got] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

int kvm_param_set(const char *module, const char *name, const char *word)
{
	ssize_t bytes = strlen(word);
	char path[256];
	int fd, ret = 0;

	param_path(module, name, path, sizeof(path));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, word, bytes) != bytes)
		ret = -errno;
	close(fd);
	return ret;
}
