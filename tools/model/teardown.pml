/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Site teardown: the VM's process exits while another one closes the last file of the VM,
 * so two tear it down at once, each by any of the policies; the NX worker and somebody
 * who holds slots_lock and waits for SRCU go on meanwhile. No vCPU runs.
 *
 * Two page tables with an SPTE each, in a list that all take from with mmu_lock held.
 */
#define TABLES	2
#include "sync.pml"

#define SECOND_TASK	4
#define counted_by_other	false
#define table_used_after_free	false
#define page_stats_wrong	false

/* A page table: linked or not, and whether it has its SPTE. */
bool linked[TABLES + 1], leaf[TABLES + 1];
byte leafs;		/* KVM's statistics */
bool slots_lock;
byte task;		/* of struct kvm_zap; 0 is nobody */
byte filling;		/* who writes the other fields */

#include "zap_bulk.pml"

proctype teardown(byte who)
{
	bool mine;
	byte t;

	/* step: kvm_mmu_notifier_release */
	srcu_read_lock(who);
	/* step: kvm_zap_begin */
#ifdef CLAIM_WITHOUT_CMPXCHG
	if
	:: !task -> task = who; mine = true
	:: task
	fi;
#else
	d_step {
		if
		:: !task -> task = who; mine = true
		:: else
		fi
	};
#endif
	if
	:: mine -> fill(who)
	:: else
	fi;
	/* step: kvm_zap_teardown: the parameter may change between the two. */
	if
	:: true -> bulk()
	:: true -> walk()
	:: true ->
		/* step: kvm_zap_teardown_fast */
#ifdef WAITS_FOR_SLOTS_LOCK
		atomic { !slots_lock -> slots_lock = true };
		walk();
		slots_lock = false
#else
		atomic {
			if
			:: slots_lock -> goto fall_back
			:: else -> slots_lock = true
			fi
		};
		walk();
		slots_lock = false;
		goto end_zap;
fall_back:
		/* step: kvm_zap_fall_back */
		walk()
#endif
	fi;
end_zap:
	/* step: kvm_zap_end */
#ifdef END_UNASKED
	fill(who);
	task = 0;
#else
	if
	:: mine -> fill(who); task = 0
	:: else
	fi;
#endif
	mine = false;
	srcu_read_unlock(who)
}

/* step: kvm_set_memslot: holds slots_lock while it waits for SRCU. */
proctype memslot_update()
{
	atomic { !slots_lock -> slots_lock = true };
	synchronize_srcu();
	slots_lock = false
}

proctype nx_worker()
{
	byte t;

	/* step: kvm_recover_nx_lpages */
	atomic { srcu_read_lock(NX); write_lock() };
	take(t);
	if
	:: t -> unlink(t)
	:: else
	fi;
	d_step { t = 0; write_unlock(); srcu_read_unlock(NX) }
}

init
{
	atomic {
		linked[1] = true;
		linked[2] = true;
		leaf[1] = true;
		leaf[2] = true;
		leafs = 2;
		run teardown(1);
		run teardown(3);
		run memslot_update();
		run nx_worker()
	};
	_nr_pr == 1 ->
		if
		:: linked[1] || linked[2] -> assert(mapping_left)
		:: leafs -> assert(page_stats_wrong)
		:: else
		fi
}
