# SPDX-License-Identifier: Apache-2.0
# Each mutant is the library with one thought left out. Its program ends well only if a scenario finds it out. A
# mutation whose text is no longer in the sources changes nothing, so its test fails: it has to follow the sources.

# schedule_mutate(SOURCES NAME FILE FROM TO [FROM TO]) - sets SOURCES to the library's sources, with the text FROM in
# FILE replaced by TO.
function(schedule_mutate result name file)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${file})
  file(READ ${CMAKE_SOURCE_DIR}/${file} text)
  set(n 3)
  while(n LESS ARGC)
    math(EXPR m "${n} + 1")
    string(FIND "${text}" "${ARGV${n}}" at)
    if(at EQUAL -1)
      message(WARNING "mutant ${name}: ${file} no longer says: ${ARGV${n}}")
    endif()
    string(REPLACE "${ARGV${n}}" "${ARGV${m}}" text "${text}")
    math(EXPR n "${n} + 2")
  endwhile()
  get_filename_component(base ${file} NAME)
  set(copy ${CMAKE_CURRENT_BINARY_DIR}/mutants/${name}/${base})
  file(GENERATE OUTPUT ${copy} CONTENT "${text}")
  set_source_files_properties(${copy} PROPERTIES COMPILE_OPTIONS
    "-Wno-unused-function;-Wno-unused-variable;-Wno-unused-parameter;-Wno-unused-label")
  set(sources ${schedule_sources})
  list(REMOVE_ITEM sources ${file})
  list(TRANSFORM sources PREPEND ${CMAKE_SOURCE_DIR}/)
  set(${result} ${sources} ${copy} PARENT_SCOPE)
endfunction()

# schedule_mutant(NAME FILE SCENARIOS FROM TO [FROM TO]) - the scenarios must find it out.
function(schedule_mutant name file scenarios)
  if(ARGC EQUAL 7)
    schedule_mutate(sources ${name} ${file} "${ARGV3}" "${ARGV4}" "${ARGV5}" "${ARGV6}")
  else()
    schedule_mutate(sources ${name} ${file} "${ARGV3}" "${ARGV4}")
  endif()
  schedule_program(schedule_mutant_${name} ${sources})
  add_test(NAME schedule_mutant_${name} COMMAND schedule_mutant_${name} --must-fail ${scenarios})
  set_tests_properties(schedule_mutant_${name} PROPERTIES TIMEOUT 120 LABELS schedule)
endfunction()

# threads_mutant(NAME FILE FROM TO [FROM TO]) - the thread sanitizer must find it out.
function(threads_mutant name file)
  if(ARGC EQUAL 6)
    schedule_mutate(sources ${name} ${file} "${ARGV2}" "${ARGV3}" "${ARGV4}" "${ARGV5}")
  else()
    schedule_mutate(sources ${name} ${file} "${ARGV2}" "${ARGV3}")
  endif()
  kakehi_test(threads_mutant_${name} SOURCES threads_test.c ${sources} LIBS Threads::Threads LABELS schedule)
  target_include_directories(test_threads_mutant_${name} PRIVATE
    ${CMAKE_SOURCE_DIR}/ipc ${CMAKE_SOURCE_DIR}/ipc/include)
  target_compile_definitions(test_threads_mutant_${name} PRIVATE KK_POINTS KK_BUILDING_LIBRARY)
  set_tests_properties(threads_mutant_${name} PROPERTIES WILL_FAIL ON)
endfunction()

if(KAKEHI_SANITIZE MATCHES thread)
  # Neither K1 nor K2 releases what was written before it: each of them would hide that the other does not.
  threads_mutant(publish_relaxed ipc/ring/ring.c
    "memory_order_seq_cst, memory_order_relaxed));" "memory_order_relaxed, memory_order_relaxed));"
    "memory_order_release);" "memory_order_relaxed);")
  # The last reader's looks at a block may come after its release.
  threads_mutant(release_relaxed ipc/block/arena.c
    "&log->word, &word, next, memory_order_seq_cst," "&log->word, &word, next, memory_order_relaxed,")
  # The allocator does not acquire what the last reader released.
  threads_mutant(reuse_relaxed ipc/block/alloc.c
    "uint64_t word = atomic_load_explicit(&log_at(arena, arena->base + slot)->word, memory_order_acquire);"
    "uint64_t word = atomic_load_explicit(&log_at(arena, arena->base + slot)->word, memory_order_relaxed);")
  return()
endif()

# The heir of a put that was not published, or whose entry has travelled on since, puts it again without a second look.
schedule_mutant(no_second_look ipc/ring/table.c "heir-put"
  "if (atomic_load_explicit(own_of(table, handle), memory_order_acquire) != own)" "if (false)")

# The hint moves past an entry before it is claimed.
schedule_mutant(head_before_claim ipc/ring/ring.c "ring-1;ring-2;heir-take"
  "KK_POINT(\"L1\");" "atomic_store_explicit(&ring->memory->head, *position, memory_order_relaxed);")

# Published first, recorded afterwards.
schedule_mutant(publish_before_record ipc/ring/ring.c "ring-1;ring-2"
  "atomic_store_explicit(own, ring->queued | own_make(KK_OWN_IDLE, 0, 0, side, position),
		                      memory_order_release);" ""
  "KK_POINT(\"K3\");"
  "atomic_store_explicit(own, ring->queued | own_make(KK_OWN_IDLE, 0, 0, side, position),
		                      memory_order_release);")

# A slot is filled although its last tenant is still queued there.
schedule_mutant(no_look_at_tenant ipc/ring/ring.c "ring-1;ring-2"
  "return tenant < 0 ? KK_ERR_CORRUPT : tenant ? KK_ERR_FULL : KK_OK;"
  "return tenant < 0 ? KK_ERR_CORRUPT : KK_OK;")

# A put that found the ring full leaves its intent behind.
schedule_mutant(intent_left_behind ipc/ring/ring.c "ring-1;ring-once"
  "atomic_store_explicit(own, before, memory_order_release);" "(void)before;")

# A taker takes for its own what another one claimed between its look and its claim.
schedule_mutant(claim_without_comparing ipc/ring/ring.c "ring-1;ring-2"
  "KK_POINT(\"L1\");" "seen = atomic_load(own);")

# Decisions are not completed before the rest is redone.
schedule_mutant(decisions_forgotten ipc/ring/table.c "heir-take"
  "status = decisions ? heir->complete(heir->arg, handle) : 0;" "status = 0;")

# A release that is repeated hits the block's next life.
schedule_mutant(release_any_generation ipc/block/arena.c "block-lanes"
  "word_state(word) != BLOCK_SHARED || word_generation(word) != ref->generation ||
		    !(word_lanes(word)" "word_state(word) != BLOCK_SHARED || !(word_lanes(word)")

# What a dead allocator had claimed stays claimed.
schedule_mutant(no_adoption ipc/block/alloc.c "block-grow"
  "if (word_state(word) == BLOCK_CLAIMED && word_role(word) == role)" "if (false)")

# The big block goes to whoever saw it free.
schedule_mutant(big_without_comparing ipc/block/alloc.c "block-grow"
  "KK_POINT(\"alloc: claim big\");" "word = atomic_load(&log->word);")

# The flag is taken down behind the back of one who has just gone to sleep.
schedule_mutant(no_second_wake ipc/wait/event.c "event-2;event-3"
  "KK_POINT(\"W4: flag down\");" "return;")

# The ticket does not grow stale.
schedule_mutant(wake_without_counting ipc/wait/event.c "event-1;event-2"
  "uint32_t value = atomic_fetch_add(word, " "uint32_t value = atomic_load(word) + 0 * (")
