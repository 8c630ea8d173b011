/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host takes the page of piece 0 back, once, at any time, and has another one for
 * it later.
 */
byte mn_active, mn_in_progress, mmu_seq;

proctype notifier()
{
	byte t, s;

	/* step: kvm_mmu_notifier_invalidate_range_start: under mn_invalidate_lock. */
	mn_active++;
	atomic {
		srcu_read_lock(MN);
		if
		:: slot == GONE -> srcu_read_unlock(MN); goto host
		:: else
		fi
	};
	/*
	 * step: kvm_unmap_gfn_range
	 * step: tdp_mmu_zap_leafs
	 * Held for write: only CPUs and fast page faults change SPTEs.
	 */
	d_step {
		write_lock();
		mn_in_progress++;
		t = root[0];
		if
		:: t ->
			use(t);
			s = spte[t];
			spte[t] = (is_present(s) -> 0 : s);
			tell(s)
		:: else
		fi
	};
	if
	:: is_present(s) -> flush_remote_tlbs()
	:: else
	fi;
	d_step { t = 0; s = 0; write_unlock(); srcu_read_unlock(MN) }

host:
	/* Its own page table no longer has the page. Then it is used for something else. */
	host_page = 2;
	given_back[0] = true;

	/* step: kvm_mmu_notifier_invalidate_range_end */
	atomic {
		srcu_read_lock(MN);
		if
		:: slot == GONE -> goto out
		:: else
		fi
	};
	/* step: kvm_mmu_invalidate_end: held for write. */
	d_step { write_lock(); mmu_seq++; mn_in_progress--; write_unlock() };
out:
	atomic { srcu_read_unlock(MN); mn_active-- }
}
